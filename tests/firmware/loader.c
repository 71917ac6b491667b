/*
 * The loader: the application that snapshots are taken of, so that boot tests need not wait for the firmware.
 *
 * QEMU gives it to the firmware (-kernel). It takes the disk away from the firmware's drivers, says "loader: waiting"
 * on the first serial port and waits there for a byte; tests/boot/snapshot.py saves the machine at that point, and
 * later starts it again from there with another disk and sends the byte. Only then do the drivers see the disk, so
 * that nothing of another one is cached; what firmware starts by itself is started by its path, as firmware does.
 *
 * While it waits nothing else runs (TPL_HIGH_LEVEL): the firmware's console would read the byte otherwise.
 * Source: UEFI 2.10; section numbers stand at each item.
 */
#include "tests/firmware/firmware.h"
#include "tests/firmware/instruction.h"
#include "tests/firmware/serial.h"
#include "kernel/base/format.h"
#include "kernel/base/string.h"

/* 7.1.8, 7.1.9, 7.3.12, 7.3.13 */
typedef uint64_t(EFIAPI *efi_raise_tpl)(uint64_t priority);
typedef void(EFIAPI *efi_restore_tpl)(uint64_t priority);
typedef efi_status(EFIAPI *efi_connect_controller)(void *controller, void **drivers, const void *path, bool recursive);
typedef efi_status(EFIAPI *efi_disconnect_controller)(void *controller, void *driver, void *child);
#define EFI_PRIORITY_HIGH 31u

/* 14.4: EFI_PCI_IO_PROTOCOL, up to what we call */
#define EFI_GUID_PCI_IO                                    \
    {                                                      \
        0x4cf5b200, 0x68b8, 0x4ca5,                        \
        {                                                  \
            0x9e, 0xec, 0xb2, 0x3e, 0x3f, 0x50, 0x02, 0x9a \
        }                                                  \
    }
#define EFI_PCI_UINT32 2u
struct efi_pci_io {
    void *before[6];
    efi_status(EFIAPI *configuration_read)(struct efi_pci_io *self, uint32_t width, uint32_t offset, uint64_t count,
                                           void *buffer);
};

/* 10.2: EFI_DEVICE_PATH_PROTOCOL; 10.3.1: its end; 10.3.5.4: the node of a file */
#define EFI_GUID_DEVICE_PATH                               \
    {                                                      \
        0x09576e91, 0x6d3f, 0x11d2,                        \
        {                                                  \
            0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b \
        }                                                  \
    }
#define NODE_END          0x7Fu
#define NODE_HEADER_BYTES 4u

#define BOOT_FILE u"\\EFI\\BOOT\\BOOTX64.EFI" /* 3.5.1.1 */
static const struct {
    uint8_t file[NODE_HEADER_BYTES];
    uint16_t name[sizeof(BOOT_FILE) / sizeof(uint16_t)];
    uint8_t end[NODE_HEADER_BYTES];
} boot_file_nodes = {
    {4,        4,    NODE_HEADER_BYTES + sizeof(BOOT_FILE), 0},
    BOOT_FILE, {NODE_END, 0xFF, NODE_HEADER_BYTES,                     0}
};

/* VIRTIO 1.1, 4.1.2: device and vendor of a block device, and of a transitional one. */
#define VIRTIO_BLOCK              0x10421AF4u
#define VIRTIO_BLOCK_TRANSITIONAL 0x10011AF4u

/* PC16550D data sheet, section 8, table II. */
#define SERIAL_PORT        0x3F8u
#define SERIAL_LINE_STATUS (SERIAL_PORT + 5)
#define SERIAL_DATA_READY  0x01u

#define PATH_BYTES_MAX 512u
#define HANDLES_MAX    64u

efi_status EFIAPI efi_main(void *image_handle, struct efi_system_table *system_table);

static efi_status failed(const char *what, efi_status status)
{
    char line[80];
    format_buffer(line, sizeof(line), "\r\nloader: %s: 0x%llx\r\n", what, (unsigned long long)status);
    serial_put(line);
    return status;
}

static void *protocol_of(void *handle, const struct efi_guid *guid)
{
    void *interface = NULL;
    return firmware.real_boot.handle_protocol(handle, guid, &interface) == EFI_SUCCESS ? interface : NULL;
}

/* The first handle with that protocol that `wanted` accepts, or NULL. */
static void *find(const struct efi_guid *guid, bool (*wanted)(void *handle, void *interface))
{
    static void *handles[HANDLES_MAX];
    uint64_t size_bytes = sizeof(handles);
    if (firmware.real_boot.locate_handle(EFI_LOCATE_BY_PROTOCOL, guid, NULL, &size_bytes, handles) != EFI_SUCCESS)
        return NULL;
    for (uint64_t i = 0; i < size_bytes / sizeof(handles[0]); i++) {
        void *interface = protocol_of(handles[i], guid);
        if (interface != NULL && wanted(handles[i], interface))
            return handles[i];
    }
    return NULL;
}

static bool is_disk(void *handle, void *interface)
{
    (void)handle;
    struct efi_pci_io *device = interface;
    uint32_t identity = 0;
    device->configuration_read(device, EFI_PCI_UINT32, 0, 1, &identity);
    return identity == VIRTIO_BLOCK || identity == VIRTIO_BLOCK_TRANSITIONAL;
}

/* The image, when this volume has it: a child of ours that knows where it came from. */
static void *boot_image;

static bool loads_boot_file(void *volume, void *interface)
{
    static const struct efi_guid path_guid = EFI_GUID_DEVICE_PATH;
    static uint8_t path[PATH_BYTES_MAX + sizeof(boot_file_nodes)];
    (void)interface;
    const uint8_t *of_volume = protocol_of(volume, &path_guid);
    uint64_t size_bytes = 0;
    while (of_volume != NULL && of_volume[size_bytes] != NODE_END)
        size_bytes += of_volume[size_bytes + 2] | (uint64_t)of_volume[size_bytes + 3] << 8;
    if (of_volume == NULL || size_bytes > PATH_BYTES_MAX)
        return false;
    memcpy(path, of_volume, size_bytes);
    memcpy(path + size_bytes, &boot_file_nodes, sizeof(boot_file_nodes));
    efi_load_image load_image = (efi_load_image)firmware.real_boot.load_image;
    return load_image(false, firmware.image, path, NULL, 0, &boot_image) == EFI_SUCCESS;
}

static void wait_for_byte(void)
{
    uint64_t before = ((efi_raise_tpl)firmware.real_boot.raise_tpl)(EFI_PRIORITY_HIGH);
    serial_put("\r\nloader: waiting\r\n");
    while ((instruction_in8(SERIAL_LINE_STATUS) & SERIAL_DATA_READY) == 0)
        ;
    instruction_in8(SERIAL_PORT);
    ((efi_restore_tpl)firmware.real_boot.restore_tpl)(before);
}

efi_status EFIAPI efi_main(void *image_handle, struct efi_system_table *system_table)
{
    static const struct efi_guid pci_guid = EFI_GUID_PCI_IO;
    static const struct efi_guid volume_guid = EFI_GUID_SIMPLE_FILE_SYSTEM;
    if (!firmware_open(image_handle, system_table))
        return EFI_UNSUPPORTED;
    void *disk = find(&pci_guid, is_disk);
    if (disk == NULL)
        return failed("no virtio disk", EFI_NOT_FOUND);
    ((efi_disconnect_controller)firmware.real_boot.disconnect_controller)(disk, NULL, NULL);
    wait_for_byte();
    serial_put("\r\nloader: starting the disk\r\n");
    efi_connect_controller connect = (efi_connect_controller)firmware.real_boot.connect_controller;
    efi_status status = connect(disk, NULL, NULL, true);
    if (status != EFI_SUCCESS)
        return failed("ConnectController", status);
    if (find(&volume_guid, loads_boot_file) == NULL)
        return failed("no volume has a BOOTX64.EFI that loads", EFI_NOT_FOUND);
    status = ((efi_start_image)firmware.real_boot.start_image)(boot_image, NULL, NULL);
    return failed("what was started returned", status);
}
