/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Everything that a test of the engine needs besides the engine. The manager is the real one, as
 * are its files, locks, inotify, pidfds and sockets; only time and workers obey the test. */

#include "tests/unit/engine/lab.h"

#include <signal.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "common/time-util.h"
#include "core/wire/plan-wire.h"
#include "tests/unit/engine/gate.h"

#define TURN_USEC 5000

uint64_t lab_real_usec(void) {
        return monotonic_usec();
}

static void say(Lab *lab, const char *format, ...) _printf_(2, 3);
static void say(Lab *lab, const char *format, ...) {
        char line[256];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(line, sizeof(line), format, ap);
        va_end(ap);
        ck_assert_int_ge(strv_extend(&lab->trail, line), 0);
}

static void on_job_new(Job *job, void *userdata) {
        say(userdata, "job-new %s", job_type_to_string(job_info(job)->request.type));
}

static void on_job_changed(Job *job, void *userdata) {
        say(userdata, "job %s %s", job_type_to_string(job_info(job)->request.type),
            job_state_to_string(job_info(job)->status.state));
}

static void on_job_removed(Job *job, void *userdata) {
        say(userdata, "job-removed %s %s", job_type_to_string(job_info(job)->request.type),
            job_result_to_string(job_info(job)->status.result));
}

static void on_esp_added(Esp *esp, void *userdata) {
        say(userdata, "esp-added %s", esp_info(esp).uuid);
}

static void on_esp_changed(Esp *esp, void *userdata) {
        say(userdata, "esp %s %s", esp_info(esp).uuid, esp_state_to_string(esp_info(esp).state));
}

static void on_esp_removed(Esp *esp, void *userdata) {
        say(userdata, "esp-removed %s", esp_info(esp).uuid);
}

static void on_manager_changed(unsigned changes, void *userdata) {
        Lab *lab = userdata;

        if (!(changes & MANAGER_CHANGED_STATE))
                return;
        say(lab, "in-sync %s", lab_verdict(lab)->in_sync ? "yes" : "no");
        say(lab, "redundancy %s", lab_verdict(lab)->redundancy);
}

static const ManagerListener listener = {
        .job_new = on_job_new,
        .job_changed = on_job_changed,
        .job_removed = on_job_removed,
        .esp_added = on_esp_added,
        .esp_changed = on_esp_changed,
        .esp_removed = on_esp_removed,
        .manager_changed = on_manager_changed,
};

const char *lab_heard(Lab *lab) {
        static char *heard;

        free(heard);
        heard = strv_join(lab->trail, "\n");
        lab->trail = strv_free(lab->trail);
        return strempty(heard);
}

/* The host */

static void put_in_place(Lab *lab, const char *path, const char *text) {
        _cleanup_free_ char *temporary = strprintf("%s.new", path);

        temp_puts(&lab->t, temporary, text);
        ck_assert_int_ge(renameat(lab->t.fd, temporary, lab->t.fd, path), 0);
}

void lab_add_kernel(Lab *lab, const char *version) {
        _cleanup_free_ char *image = strprintf("boot/vmlinuz-%s", version),
                            *initrd = strprintf("boot/initrd.img-%s", version),
                            *text = strprintf("content of %s", version);

        put_in_place(lab, image, text);
        put_in_place(lab, initrd, text);
}

void lab_add_esp(Lab *lab, const char *uuid) {
        static const char *const directories[] = { "EFI/proxmox", "loader/entries" };

        for (size_t i = 0; i < ELEMENTSOF(directories); i++) {
                _cleanup_free_ char *path =
                                strprintf("dev/disk/by-uuid/%s/%s", uuid, directories[i]);
                temp_mkdir(&lab->t, path);
        }
        for (size_t i = 0; i < 2; i++) {
                _cleanup_free_ char *path = strprintf("dev/disk/by-uuid/%s/%s", uuid,
                                                      i == 0 ? "EFI/systemd/systemd-bootx64.efi"
                                                             : "loader/loader.conf");
                temp_puts(&lab->t, path, i == 0 ? "loader" : "timeout 3\ndefault proxmox-*\n");
        }
}

void lab_list_esps(Lab *lab, const char *text) {
        put_in_place(lab, LIST_OF_ESPS, text);
}

void lab_write_grub_menu(Lab *lab, const char *default_entry, const char *first,
                         const char *second) {
        const char *const versions[] = { first, second };
        _cleanup_free_ char *menu = NULL;
        char *entries[2];

        for (size_t i = 0; i < 2; i++)
                entries[i] = strprintf("menuentry 'x' $menuentry_id_option "
                                       "'gnulinux-%s-advanced-" GRUB_ROOT_ID "' {\n"
                                       "\tlinux\t/boot/vmlinuz-%s root=x\n}\n",
                                       versions[i], versions[i]);
        menu = strprintf("set default=\"%s\"\n"
                         "submenu 'Advanced' $menuentry_id_option "
                         "'gnulinux-advanced-" GRUB_ROOT_ID "' {\n%s%s}\n",
                         default_entry, entries[0], entries[1]);
        free(entries[0]);
        free(entries[1]);
        temp_mkdir(&lab->t, "boot/grub");
        put_in_place(lab, "boot/grub/grub.cfg", menu);
}

static void listen_at_gate(Lab *lab) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%.80s/" GATE_NAME,
                        lab->t.path);
        lab->gate_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        ck_assert_int_ge(lab->gate_fd, 0);
        ck_assert_int_ge(bind(lab->gate_fd, (struct sockaddr *) &address, sizeof(address)), 0);
        ck_assert_int_ge(listen(lab->gate_fd, 16), 0);
}

void lab_open(Lab *lab) {
        *lab = (Lab){ .t = temp_root_new() };
        for (size_t i = 0; i < ELEMENTSOF(lab->held); i++)
                lab->held[i].gate = lab->held[i].socket = -EBADF;
        ck_assert_int_ge(sd_event_new(&lab->event), 0);
        lab->worker_fd = open(BOOTSYNC_GATE, O_PATH | O_CLOEXEC);
        ck_assert_int_ge(lab->worker_fd, 0);
        listen_at_gate(lab);

        temp_mkdir(&lab->t, "run");
        temp_mkdir(&lab->t, "etc/apt/apt.conf.d");
        temp_puts(&lab->t, "proc/sys/kernel/osrelease", KERNEL_NEW "\n");
        temp_puts(&lab->t, "proc/sys/kernel/random/boot_id",
                  "00000001-0000-4000-8000-000000000001\n");
        temp_puts(&lab->t, "proc/cmdline", "root=/dev/sda3 ro\n");
        temp_puts(&lab->t, "etc/kernel/cmdline", "root=/dev/sda3 quiet\n");
        temp_puts(&lab->t, "etc/bootsync/bootsyncd.conf", "[Sync]\nAutoSync=yes\nSettleSec=2\n");
        temp_puts(&lab->t, LAB_NO_ALERTS, "[Alerts]\nMail=off\n");
        temp_mkdir(&lab->t, "var/lib/dpkg/updates");
        temp_puts(&lab->t, "var/lib/dpkg/status",
                  "Package: base-files\nStatus: install ok installed\nVersion: 1\n\n");
        lab_add_kernel(lab, KERNEL_OLD);
        lab_add_kernel(lab, KERNEL_NEW);
        lab_add_esp(lab, ESP_A);
        lab_add_esp(lab, ESP_B);
        lab_list_esps(lab, ESP_A "\n" ESP_B "\n");
}

static void let_go(Worker *w) {
        w->gate = safe_close(w->gate);
        w->socket = safe_close(w->socket);
        w->plan = plan_free(w->plan);
}

void lab_close(Lab *lab) {
        for (size_t i = 0; i < ELEMENTSOF(lab->held); i++)
                if (lab->held[i].gate >= 0)
                        worker_kill(&lab->held[i]);
        manager_free(lab->m);
        workers_free(lab->workers);
        clock_done();
        while (waitpid(-1, NULL, 0) > 0)
                ;
        lab->trail = strv_free(lab->trail);
        (void) lab_heard(lab);
        sd_event_unref(lab->event);
        safe_close(lab->gate_fd);
        safe_close(lab->worker_fd);
        temp_root_done(&lab->t);
}

static WorkerConfig config_of(const Lab *lab) {
        return (WorkerConfig){
                .event = lab->event,
                .exec_fd = lab->worker_fd,
                .root = lab->t.root,
                .deadline_percent = 100,
                .no_kill = lab->no_kill,
        };
}

Workers *lab_workers(Lab *lab, straggler_ended_t ended, void *userdata) {
        const WorkerConfig config = config_of(lab);

        ck_assert_int_ge(workers_new(&config, ended, userdata, &lab->workers), 0);
        return lab->workers;
}

void lab_new(Lab *lab) {
        const ManagerOptions options = {
                .root = lab->t.root,
                .private = lab->private,
                .worker = config_of(lab),
        };

        ck_assert_int_ge(manager_new(lab->event, &options, &lab->m), 0);
        manager_set_listener(lab->m, &listener, lab);
}

void lab_restart(Lab *lab) {
        lab->m = manager_free(lab->m);
        lab_new(lab);
}

void lab_start(Lab *lab) {
        lab_new(lab);
        ck_assert_int_ge(manager_start(lab->m), 0);
        lab_finish(lab);
        lab_pass(lab, 3 * SEC);
        lab_finish(lab);
        ck_assert(lab_verdict(lab)->in_sync);
        (void) lab_heard(lab);
}

/* Time */

/* Take in what the gate sends: its plan, and a copy of its socket to the daemon. */
static void receive_worker(int gate, Worker *ret) {
        char control[CMSG_SPACE(2 * sizeof(int))], byte, text[65536];
        struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
        struct msghdr message = {
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = control,
                .msg_controllen = sizeof(control),
        };
        struct ucred credentials;
        socklen_t length = sizeof(credentials);
        struct cmsghdr *c;
        ssize_t size;
        int fds[2];

        ck_assert_int_eq(recvmsg(gate, &message, MSG_CMSG_CLOEXEC), 1);
        c = CMSG_FIRSTHDR(&message);
        ck_assert_ptr_nonnull(c);
        memcpy(fds, CMSG_DATA(c), sizeof(fds));
        ck_assert_int_ge(getsockopt(gate, SOL_SOCKET, SO_PEERCRED, &credentials, &length), 0);
        size = pread(fds[0], text, sizeof(text), 0);
        ck_assert_int_gt(size, 0);
        *ret = (Worker){ .gate = gate, .socket = fds[1], .pid = credentials.pid };
        ck_assert_int_eq(plan_parse(text, (size_t) size, &ret->plan), 0);
        (void) safe_close(fds[0]);
}

static void answer(Worker *w, unsigned char word, unsigned char value) {
        ck_assert_int_eq(send(w->gate, (unsigned char[]){ word, value }, 2, MSG_NOSIGNAL), 2);
        let_go(w);
}

static bool is_held(const Lab *lab, const Worker *w) {
        return lab->hold && (streq(lab->hold, "*") || streq_ptr(lab->hold, w->plan->esp_uuid));
}

static void hold_worker(Lab *lab, const Worker *w) {
        for (size_t i = 0; i < ELEMENTSOF(lab->held); i++)
                if (lab->held[i].gate < 0) {
                        lab->held[i] = *w;
                        return;
                }
        ck_abort_msg("too many workers wait");
}

static void open_gate(Lab *lab) {
        for (;;) {
                int gate = accept4(lab->gate_fd, NULL, NULL, SOCK_CLOEXEC);
                Worker w;

                if (gate < 0)
                        return;
                receive_worker(gate, &w);
                if (is_held(lab, &w))
                        hold_worker(lab, &w);
                else
                        worker_run(lab, &w);
        }
}

void lab_turn(Lab *lab) {
        open_gate(lab);
        if (sd_event_get_state(lab->event) != SD_EVENT_FINISHED)
                ck_assert_int_ge(sd_event_run(lab->event, TURN_USEC), 0);
        open_gate(lab);
}

void lab_finish(Lab *lab) {
        LAB_WAIT(lab, !manager_job(lab->m, 0));
        clock_stand(lab->event);
}

void lab_pass(Lab *lab, uint64_t usec) {
        clock_pass(lab->event, usec);
        open_gate(lab);
}

void lab_pass_idle(Lab *lab, uint64_t usec) {
        for (; usec > 0 && !manager_job(lab->m, 0); usec -= MIN(usec, SEC))
                lab_pass(lab, MIN(usec, SEC));
}

/* Workers */

Worker *lab_held(Lab *lab, const char *uuid) {
        for (size_t i = 0; i < ELEMENTSOF(lab->held); i++)
                if (lab->held[i].gate >= 0 && streq_ptr(lab->held[i].plan->esp_uuid, uuid))
                        return &lab->held[i];
        return NULL;
}

Worker *lab_worker(Lab *lab, const char *uuid) {
        Worker *found;

        LAB_WAIT(lab, (found = lab_held(lab, uuid)));
        return found;
}

bool worker_writes(const Worker *w) {
        return plan_writes(w->plan);
}

void worker_run(Lab *lab, Worker *w) {
        lab->n_run++;
        answer(w, GATE_RUN, 0);
}

void worker_end(Worker *w, int status) {
        answer(w, GATE_EXIT, (unsigned char) status);
}

void worker_kill(Worker *w) {
        (void) kill(w->pid, SIGKILL);
        let_go(w);
}

void worker_say(Worker *w, const Report *report) {
        _cleanup_free_ char *text = NULL;
        size_t size;

        ck_assert_int_eq(report_format(report, &text, &size), 0);
        ck_assert_int_eq(send(w->socket, text, size, MSG_NOSIGNAL), (ssize_t) size);
}

void worker_fail(Worker *w, ErrorCode code, const char *message) {
        worker_say(w, &(Report){ .type = REPORT_FAILED,
                                 .error = { .code = code, .message = (char *) message } });
        worker_end(w, EXIT_FAILURE);
}

void worker_done(Worker *w) {
        worker_say(w, &(Report){ .type = REPORT_DONE });
        worker_end(w, EXIT_SUCCESS);
}

static void say_file(Lab *lab, Worker *w, const char *path, FileVerdict verdict) {
        _cleanup_free_ char *whole = strprintf("dev/disk/by-uuid/%s/%s", w->plan->esp_uuid, path);
        Report report = { .type = REPORT_FILE };
        struct stat st;
        char text[4096] = "";

        if (fstatat(lab->t.fd, whole, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return;
        report.file = (EspFile){
                .path = (char *) path,
                .type = S_ISDIR(st.st_mode) ? FILE_DIRECTORY : FILE_REGULAR,
                .size = S_ISDIR(st.st_mode) ? 0 : (uint64_t) st.st_size,
                .mtime = (uint64_t) st.st_mtim.tv_sec * 1000000000u + (uint64_t) st.st_mtim.tv_nsec,
                .verdict = verdict,
        };
        if (endswith(path, ".conf")) {
                _cleanup_close_ int fd = openat(lab->t.fd, whole, O_RDONLY | O_CLOEXEC);

                ck_assert_int_gt(read(fd, text, sizeof(text) - 1), 0);
                report.file.text = text;
        }
        worker_say(w, &report);
}

static void say_tree(Lab *lab, Worker *w, const char *path) {
        _cleanup_free_ char *whole = strprintf("dev/disk/by-uuid/%s/%s", w->plan->esp_uuid, path);
        _cleanup_closedir_ DIR *dir = NULL;
        struct dirent *entry;

        say_file(lab, w, path, VERDICT_UNCHECKED);
        dir = fdopendir(openat(lab->t.fd, whole, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        while (dir && (entry = readdir(dir))) {
                _cleanup_free_ char *child = strprintf("%s/%s", path, entry->d_name);

                if (entry->d_name[0] != '.')
                        say_tree(lab, w, child);
        }
}

static void say_check(Lab *lab, Worker *w, const PlanStep *step, const char *bad,
                      FileVerdict verdict) {
        if (step->trust)
                say_file(lab, w, step->path, VERDICT_TRUSTED);
        else if (streq_ptr(step->path, bad))
                say_file(lab, w, step->path, verdict);
        else
                say_file(lab, w, step->path, VERDICT_EQUAL);
}

void worker_look(Lab *lab, Worker *w, const char *bad, FileVerdict verdict, const char *failure) {
        worker_say(w, &(Report){ .type = REPORT_STARTED });
        worker_say(w, &(Report){ .type = REPORT_SPACE,
                                 .loader = ESP_LOADER_SYSTEMD_BOOT,
                                 .size_bytes = UINT64_C(1) << 30,
                                 .free_bytes = UINT64_C(1) << 29,
                                 .cluster_bytes = 4096 });
        say_tree(lab, w, "EFI");
        say_tree(lab, w, "loader");
        for (size_t i = 0; i < w->plan->n_steps; i++)
                if (w->plan->steps[i].action == PLAN_CHECK)
                        say_check(lab, w, &w->plan->steps[i], bad, verdict);
        if (failure) {
                worker_fail(w, ERROR_FAILED, failure);
                return;
        }
        worker_say(w, &(Report){ .type = REPORT_DONE });
        worker_end(w, EXIT_SUCCESS);
}

bool worker_heard(Worker *w, const char *word) {
        char buffer[64];
        ssize_t n = recv(w->socket, buffer, sizeof(buffer), MSG_DONTWAIT);

        return n == (ssize_t) strlen(word) && memcmp(buffer, word, (size_t) n) == 0;
}

/* Queries */

Esp *lab_esp(const Lab *lab, const char *uuid) {
        Esp *esp = esps_find(manager_info(lab->m).known->esps, uuid);

        if (!esp)
                ck_abort_msg("there is no ESP %s", uuid);
        return esp;
}

const Verdict *lab_verdict(const Lab *lab) {
        return manager_info(lab->m).known->verdict;
}

const Facts *lab_facts(const Lab *lab) {
        return manager_info(lab->m).known->facts;
}

const char *lab_last_result(const Lab *lab) {
        return manager_info(lab->m).last_refresh_result;
}

size_t lab_n_jobs(const Lab *lab) {
        size_t n = 0;

        while (manager_job(lab->m, n))
                n++;
        return n;
}

bool lab_holds(const Lab *lab, const char *uuid, const char *version) {
        _cleanup_free_ char *esp = strprintf("dev/disk/by-uuid/%s", uuid),
                            *kernel = strprintf("%s/EFI/proxmox/%s/vmlinuz-%s", esp, version,
                                                version),
                            *initrd = strprintf("%s/EFI/proxmox/%s/initrd.img-%s", esp, version,
                                                version),
                            *entry = strprintf("%s/loader/entries/proxmox-%s.conf", esp, version);

        return temp_exists(&lab->t, kernel) && temp_exists(&lab->t, initrd) &&
               temp_exists(&lab->t, entry);
}

Job *lab_submit(Lab *lab, JobType type) {
        Job *job = NULL;
        _cleanup_error_ Error error = {};

        ck_assert_int_eq(manager_submit(lab->m, &(JobRequest){ .type = type }, &job, &error), 0);
        ck_assert_ptr_nonnull(job);
        return job;
}
