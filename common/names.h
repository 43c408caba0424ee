/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Every name that two programs must agree on: bus, objects, polkit actions, files, journal. */

#define BUS_NAME          "org.bootsync1"
#define BUS_PATH          "/org/bootsync1"
#define BUS_PATH_ESP      BUS_PATH "/esp"
#define BUS_PATH_JOB      BUS_PATH "/job"
#define BUS_PATH_KSM      BUS_PATH "/ksm"
#define BUS_PATH_BOOT     BUS_PATH "/boot"
#define BUS_IFACE_MANAGER BUS_NAME ".Manager"
#define BUS_IFACE_ESP     BUS_NAME ".Esp"
#define BUS_IFACE_JOB     BUS_NAME ".Job"
#define BUS_IFACE_KSM     BUS_NAME ".Ksm"
#define BUS_IFACE_BOOT    BUS_NAME ".Boot"
#define BUS_ERROR_PREFIX  BUS_NAME ".Error."

/* The bus itself, and as whom it speaks: as nobody else can. */
#define BUS_DRIVER "org.freedesktop.DBus"

/* polkit actions; each is defined in policy/ and named by an annotation in dbus/. */
#define ACTION_REFRESH             BUS_NAME ".refresh"
#define ACTION_MANAGE_KERNELS      BUS_NAME ".manage-kernels"
#define ACTION_PIN_KERNEL          BUS_NAME ".pin-kernel"
#define ACTION_MANAGE_ESP          BUS_NAME ".manage-esp"
#define ACTION_FORMAT_ESP          BUS_NAME ".format-esp"
#define ACTION_KSM_CONTROL         BUS_NAME ".ksm-control"
#define ACTION_KSM_PROCESSES       BUS_NAME ".ksm-processes"
#define ACTION_CONVERT_SECURE_BOOT BUS_NAME ".convert-secure-boot"

/* Begins a reason in RefusedModules that says why it could not be found out. */
#define REASON_UNKNOWN "not known: "

/* Units that start KSM or steer it. */
#define KSM_UNIT       "ksm.service"
#define KSM_TUNER_UNIT "ksmtuned.service"

/* Tells root of the host's state; "STATE.service" follows. */
#define ALERT_UNIT_PREFIX "bootsync-alert@"

/* Files, relative to the root, without a leading slash: they are only ever opened below a Root. */
#define PATH_BOOT            "boot"
#define PATH_ETC_KERNEL      "etc/kernel"
#define PATH_ESP_LIST        PATH_ETC_KERNEL "/proxmox-boot-uuids"
#define PATH_MANUAL_KERNELS  PATH_ETC_KERNEL "/proxmox-boot-manual-kernels"
#define PATH_PIN             PATH_ETC_KERNEL "/proxmox-boot-pin"
#define PATH_NEXT_BOOT_PIN   PATH_ETC_KERNEL "/next-boot-pin"
#define PATH_CMDLINE         PATH_ETC_KERNEL "/cmdline"
#define PATH_GRUB_CONF       "etc/default/grub"
#define PATH_GRUB_CONF_DIR   PATH_GRUB_CONF ".d"
#define PATH_GRUB_PIN        PATH_GRUB_CONF_DIR "/proxmox-kernel-pin.cfg"
#define PATH_GRUB_DIR        PATH_BOOT "/grub"
#define PATH_GRUB_MENU       PATH_GRUB_DIR "/grub.cfg"
#define PATH_CONFIG_DIR      "etc/bootsync"
#define PATH_CONFIG          PATH_CONFIG_DIR "/bootsyncd.conf"
#define PATH_CONFIG_DROPINS  PATH_CONFIG ".d"
#define PATH_APT_CONF_DIR    "etc/apt/apt.conf.d"
#define PATH_APT_CONF        PATH_APT_CONF_DIR "/76pveconf"
#define PATH_DPKG            "var/lib/dpkg"
#define PATH_DPKG_STATUS     PATH_DPKG "/status"
#define PATH_DPKG_UPDATES    PATH_DPKG "/updates"
#define PATH_DPKG_LOCK       PATH_DPKG "/lock-frontend"
#define PATH_DKMS            "var/lib/dkms"
#define PATH_STATE           "var/lib/bootsync"
#define PATH_ADOPTED_CMDLINE PATH_STATE "/cmdline"
#define PATH_NEXT_BOOT       PATH_STATE "/next-boot"
#define PATH_HISTORY         PATH_STATE "/history"
#define PATH_ONE_SHOT        PATH_STATE "/one-shot"
#define PATH_KSM_CONFIG      PATH_STATE "/ksm"
#define PATH_BOOT_ENTRIES    PATH_STATE "/boot-entries"
#define PATH_ALERTS          PATH_STATE "/alerts"
#define PATH_RUN             "run/bootsync"
#define PATH_KSM_RESTORED    PATH_RUN "/ksm-restored"
#define PATH_BY_UUID         "dev/disk/by-uuid"
#define PATH_EFI             "sys/firmware/efi"
#define PATH_EFI_VARIABLES   PATH_EFI "/efivars"
#define PATH_KSM             "sys/kernel/mm/ksm"
#define PATH_PROC            "proc"
#define PATH_MEMINFO         PATH_PROC "/meminfo"
#define PATH_PROC_CMDLINE    PATH_PROC "/cmdline"
#define PATH_PROC_STAT       PATH_PROC "/stat"
#define PATH_OSRELEASE       PATH_PROC "/sys/kernel/osrelease"
#define PATH_BOOT_ID         PATH_PROC "/sys/kernel/random/boot_id"

/* Journal fields. */
#define FIELD_ESP_UUID "BOOTSYNC_ESP_UUID"
#define FIELD_JOB_ID   "BOOTSYNC_JOB_ID"
#define FIELD_JOB_TYPE "BOOTSYNC_JOB_TYPE"
#define FIELD_KERNEL   "BOOTSYNC_KERNEL"
#define FIELD_FILE     "BOOTSYNC_FILE"
#define FIELD_WARNING  "BOOTSYNC_WARNING" /* its kind, its subject, the command that mends it */
#define FIELD_SUBJECT  "BOOTSYNC_SUBJECT"
#define FIELD_ACTION   "BOOTSYNC_ACTION"

/* Journal message IDs, one for each event that a user should notice; systemd/bootsync.catalog
 * explains them. */
#define MSG_REFRESH_DONE     "5f9c1c8a3d0e4b6f8a57c1e2d3b40911"
#define MSG_REFRESH_PARTIAL  "b2a1de0c9f7846f59f0bd1d7f5a86e22"
#define MSG_REFRESH_FAILED   "0d6be5a1c2e34f0e9a8d4be7c6f15333"
#define MSG_ESP_STUCK        "c3f4a7d9e8b24a51b6c0d2e1f7a98444"
#define MSG_ESP_BACK         "e8d1b2c3a4f5469788b7a6c5d4e3f555"
#define MSG_ESP_MISSING      "1a7e6d5c4b3f4829a0b1c2d3e4f5a666"
#define MSG_BAD_LINE         "7b8c9d0e1f2a4b3c95d6e7f8091a2777"
#define MSG_KERNEL_PINNED    "94e3d2c1b0af4e9d8c7b6a5948372888"
#define MSG_NEXT_BOOT_OVER   "c6b5a4938271405f8e9d0c1b2a394999" /* the next-boot pin is spent */
#define MSG_WATCH_LOST       "d7e8f9a0b1c24d3e8f5061728394abc1" /* inotify does not do */
#define MSG_WATCH_BACK       "2f4e6d8c0b1a4938a7c5e3f1d9b80ad2" /* and does again */
#define MSG_ENTRIES_REPAIRED "44fef496bdc243dc9c6584e681baafbe" /* in the firmware */
#define MSG_ALERT            "5b1c4e0f7d9a4a8e9f3d2c6b8a170e35" /* root is told of the host's state */
/* One for each kind of warning that has none above, see common/warning.c. */
#define MSG_WARNING_FILES_UNREADABLE      "168e7246ec8b498e93c29c1f6f4b7f41"
#define MSG_WARNING_BOOT_EMPTY            "1eaab1c0afc3453392aec231406e7de9"
#define MSG_WARNING_KERNEL_WITHOUT_IMAGE  "b11bb3a051aa45bf874a117fd04ef792"
#define MSG_WARNING_KERNEL_WITHOUT_INITRD "742a4b1b7acd4a77b8e73865376fa481"
#define MSG_WARNING_CMDLINE_WITHOUT_ROOT  "4d5d7b37d295432dadc6e874e7f9725e"
#define MSG_WARNING_PACKAGES_UNREADABLE   "639808af7a1742b39fc32db358f35e61"
#define MSG_WARNING_AUTO_SYNC_OFF         "5d29838237004ad2a6436a56ed37f606"
#define MSG_WARNING_ESP_FULL              "86eea2bd8a2b447c9f376145f942bf9a"
#define MSG_WARNING_ENTRY_WITHOUT_ESP     "bf32b5671e40481cbeaf41b7849cff88"
#define MSG_WARNING_ROOT_DISK_WITHOUT_ESP "0c881bf6f0fd48f6a7100dc897987dba"
#define MSG_WARNING_NEXT_BOOT_NOT_ARMED   "e4d7035ac27d4b76aa0405fdff1bc5eb"
#define MSG_WARNING_PIN_OLD               "5471705bfda645f187ba810b4727f09b"
#define MSG_WARNING_ESP_REFUSED           "0c610005e2e5454b96354ba7ca687036"
#define MSG_WARNING_KERNEL_REFUSED        "4fc88c7a2dc546a7a4a4d2c9575c86aa"
#define MSG_WARNING_MODULES_REFUSED       "66fffa409d474f258562c4b22826a9ca"
#define MSG_WARNING_KEY_NOT_ENROLLED      "b11fb0647ec245ecb00d05cd91892d1e"
#define MSG_WARNING_FIRMWARE_UNDOES       "4d16b932817348ab8c713d971cd8f1ae"
#define MSG_WARNING_ENTRIES_NOT_KEPT      "110c2d21f9bb4977b14a362417bec0d7"
#define MSG_WARNING_SERVICE_NOT_RUNNING   "bfda5905bd834a77a4cf48e3d6a79faa"
#define MSG_WARNING_SERVICE_NOT_ENABLED   "7e678f3776d042499f256104589d3840"
#define MSG_WARNING_GONE                  "7bffab383edc406fa72d7ddd9388a5f9"
