/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A host's names are read where they are written, and those of everybody are not taken for one. */

#include "client/doctor/identity.h"

#include "tests/unit/client/doctor/doctor-lab.h"

const Scene scenes[] = { {} };

static void assert_learned(const DoctorLab *lab, const char *text, const char *expect) {
        Redactor *r = redactor_new();
        _cleanup_free_ char *now = NULL;

        identity_learn(&lab->p, r);
        now = redact(r, text);
        ck_assert_str_eq(now, expect);
        (void) redactor_free(r);
}

START_TEST(host_and_its_neighbours_are_known_by_all_of_their_names) {
        _cleanup_lab_ DoctorLab lab;

        lab_open(&lab);
        lab_write(&lab, "etc/hostname", "zeus\n");
        lab_write(&lab, "etc/hosts",
                  "127.0.0.1 localhost\n::1 ip6-localhost\n"
                  "192.0.2.1\tzeus.olymp.example zeus # me\n192.0.2.2 hera\n");
        assert_learned(&lab, "zeus zeus.olymp.example hera x.olymp.example me localhost",
                       "host-1 host-2 host-3 x.domain-1 me localhost");
}
END_TEST

START_TEST(domains_that_are_searched_are_known) {
        _cleanup_lab_ DoctorLab lab;

        lab_open(&lab);
        lab_write(&lab, "etc/resolv.conf", "search olymp.example lan\nnameserver 192.0.2.3\n");
        assert_learned(&lab, "apollo.olymp.example search lan", "apollo.domain-1 search lan");
}
END_TEST

START_TEST(machine_and_serial_numbers_are_known) {
        _cleanup_lab_ DoctorLab lab;

        lab_open(&lab);
        lab_write(&lab, "etc/machine-id", "0123456789abcdef0123456789abcdef\n");
        lab_write(&lab, "sys/class/dmi/id/product_serial", "SN 47-11\n");
        lab_write(&lab, "sys/class/dmi/id/board_serial", "To be filled by O.E.M.\n");
        lab_write(&lab, "sys/block/sda/device/serial", "WD-77 \n");
        assert_learned(&lab, "0123456789abcdef0123456789abcdef SN 47-11 To be filled WD-77",
                       "machine-1 serial-1 To be filled serial-2");
}
END_TEST

static void assert_disk(const char *name, const char *text, const char *expect) {
        _cleanup_free_ char *path = must(strprintf("dev/disk/by-id/%s", name));
        _cleanup_lab_ DoctorLab lab;

        lab_open(&lab);
        lab_write(&lab, path, "");
        assert_learned(&lab, text, expect);
}

START_TEST(disks_are_known_by_the_names_that_udev_has_made) {
        assert_disk("ata-MODEL_X_S62ANJ0R-part2", "ata-MODEL_X_S62ANJ0R-part2 S62ANJ0R MODEL",
                    "disk-1-part2 serial-1 MODEL");
        assert_disk("nvme-MODEL_PHLN1122_1", "PHLN1122 MODEL_PHLN1122", "serial-1 MODEL_serial-1");
}
END_TEST

START_TEST(esps_on_the_list_stay_and_other_fat_file_systems_do_not) {
        _cleanup_lab_ DoctorLab lab;

        lab_open(&lab);
        lab_write(&lab, "etc/kernel/proxmox-boot-uuids", "1111-AAAA\r\n# 3333-CCCC\n2222-BBBB\n");
        assert_learned(&lab, "1111-AAAA 2222-bbbb 3333-CCCC", "1111-AAAA 2222-bbbb fat-1");
}
END_TEST

CHECK_MAIN("client-doctor-identity", host_and_its_neighbours_are_known_by_all_of_their_names,
           domains_that_are_searched_are_known, machine_and_serial_numbers_are_known,
           disks_are_known_by_the_names_that_udev_has_made,
           esps_on_the_list_stay_and_other_fat_file_systems_do_not)
