/* Names of class codes: PCI Code and ID Assignment 1.11, section 1. */
#include "drivers/pci.h"

/* By class code. */
static const char *const pci_class_names[] = {
    "device",     "mass storage",  "network controller", "display",      "multimedia",      "memory controller",
    "bridge",     "communication", "system device",      "input device", "docking station", "processor",
    "serial bus", "wireless",
};

/* What a person looks for, by class code and subclass. */
static const struct {
    uint16_t code;
    char name[20];
} pci_subclass_names[] = {
    {0x0101, "IDE controller"     },
    {0x0106, "SATA controller"    },
    {0x0108, "NVMe controller"    },
    {0x0200, "Ethernet controller"},
    {0x0300, "VGA display"        },
    {0x0403, "HD audio"           },
    {0x0600, "host bridge"        },
    {0x0601, "ISA bridge"         },
    {0x0604, "PCI bridge"         },
    {0x0C03, "USB controller"     },
    {0x0C05, "SMBus"              },
};

const char *pci_class_name(uint8_t class_code, uint8_t subclass)
{
    for (size_t i = 0; i < ARRAY_COUNT(pci_subclass_names); i++) {
        if (pci_subclass_names[i].code == (class_code << 8 | subclass))
            return pci_subclass_names[i].name;
    }
    return pci_class_names[class_code < ARRAY_COUNT(pci_class_names) ? class_code : 0];
}
