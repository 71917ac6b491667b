/* Names of class codes: PCI Code and ID Assignment 1.11, section 1. */
#include "drivers/pci.h"

#define ANY_SUBCLASS 0xFFu

/* The general name of a class, marked ANY_SUBCLASS, comes after its particular ones. */
static const struct {
    uint8_t class_code;
    uint8_t subclass;
    const char *name;
} pci_class_names[] = {
    {0x00, 0x01,         "VGA-compatible device"},
    {0x01, 0x00,         "SCSI controller"      },
    {0x01, 0x01,         "IDE controller"       },
    {0x01, 0x04,         "RAID controller"      },
    {0x01, 0x06,         "SATA controller"      },
    {0x01, 0x07,         "SAS controller"       },
    {0x01, 0x08,         "NVMe controller"      },
    {0x01, ANY_SUBCLASS, "mass storage"         },
    {0x02, 0x00,         "Ethernet controller"  },
    {0x02, ANY_SUBCLASS, "network controller"   },
    {0x03, 0x00,         "VGA display"          },
    {0x03, 0x02,         "3D controller"        },
    {0x03, ANY_SUBCLASS, "display"              },
    {0x04, 0x03,         "HD audio"             },
    {0x04, ANY_SUBCLASS, "multimedia"           },
    {0x05, ANY_SUBCLASS, "memory controller"    },
    {0x06, 0x00,         "host bridge"          },
    {0x06, 0x01,         "ISA bridge"           },
    {0x06, 0x04,         "PCI bridge"           },
    {0x06, ANY_SUBCLASS, "bridge"               },
    {0x07, 0x00,         "serial port"          },
    {0x07, ANY_SUBCLASS, "communication"        },
    {0x08, 0x05,         "SD host controller"   },
    {0x08, 0x06,         "IOMMU"                },
    {0x08, ANY_SUBCLASS, "system peripheral"    },
    {0x09, ANY_SUBCLASS, "input device"         },
    {0x0A, ANY_SUBCLASS, "docking station"      },
    {0x0B, ANY_SUBCLASS, "processor"            },
    {0x0C, 0x00,         "FireWire controller"  },
    {0x0C, 0x03,         "USB controller"       },
    {0x0C, 0x05,         "SMBus"                },
    {0x0C, ANY_SUBCLASS, "serial bus"           },
    {0x0D, ANY_SUBCLASS, "wireless"             },
    {0x0E, ANY_SUBCLASS, "intelligent I/O"      },
    {0x0F, ANY_SUBCLASS, "satellite"            },
    {0x10, ANY_SUBCLASS, "encryption"           },
    {0x11, ANY_SUBCLASS, "signal processing"    },
    {0x12, ANY_SUBCLASS, "accelerator"          },
};

const char *pci_class_name(uint8_t class_code, uint8_t subclass)
{
    for (size_t i = 0; i < ARRAY_COUNT(pci_class_names); i++) {
        bool same_subclass = pci_class_names[i].subclass == subclass || pci_class_names[i].subclass == ANY_SUBCLASS;
        if (pci_class_names[i].class_code == class_code && same_subclass)
            return pci_class_names[i].name;
    }
    return "device";
}
