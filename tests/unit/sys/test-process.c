/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Programs are started with what they are given and nothing else. Each case spawns from a process
 * of its own, so that its descriptors can be set up at will. */

#include "sys/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/string-util.h"
#include "tests/unit/check-main.h"

#define SPAWN_FAILED 99

typedef struct Case {
        const char *program;
        char *const *argv, *const *extra;
        void (*prepare)(void);
        int fds[PROCESS_FDS_MAX];
        size_t n_fds;
        int exec_at; /* where exec_fd stands; 0: anywhere */
} Case;

/* Reap through the pidfd. Returns the exit status, or 128 and the signal. */
static int reap(int pidfd) {
        siginfo_t si = {};

        if (waitid(P_PIDFD, (id_t) pidfd, &si, WEXITED) < 0)
                return SPAWN_FAILED;
        return si.si_code == CLD_EXITED ? si.si_status : 128 + si.si_status;
}

static void run_case(const Case *c, int output) {
        int exec_fd, pidfd;
        pid_t pid;

        (void) dup2(output, STDOUT_FILENO);
        if (c->prepare)
                c->prepare();
        exec_fd = open(c->program, O_PATH | O_CLOEXEC);
        if (c->exec_at > 0 && c->exec_at != exec_fd) {
                (void) dup3(exec_fd, c->exec_at, O_CLOEXEC);
                (void) close(exec_fd);
                exec_fd = c->exec_at;
        }
        if (process_spawn(&(ProcessStart){ exec_fd, c->argv, c->extra, c->fds, c->n_fds }, &pid,
                          &pidfd) < 0)
                _exit(SPAWN_FAILED);
        _exit(reap(pidfd));
}

/* Gives the exit status; @ret is what the program wrote to stdout. */
static int run(const Case *c, char ret[static 4096]) {
        int fds[2], status;
        size_t size = 0;
        ssize_t n;
        pid_t pid;

        ck_assert_int_ge(pipe2(fds, O_CLOEXEC), 0);
        pid = fork();
        if (pid == 0)
                run_case(c, fds[1]);
        ck_assert_int_gt(pid, 0);
        (void) close(fds[1]);
        while ((n = read(fds[0], ret + size, 4095 - size)) > 0)
                size += (size_t) n;
        ret[size] = '\0';
        (void) close(fds[0]);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFEXITED(status));
        return WEXITSTATUS(status);
}

#define ARGV(...) ((char *const[]){ __VA_ARGS__, NULL })
#define SHELL(script) \
        .program = "/bin/sh", .argv = ARGV((char *) "sh", (char *) "-c", (char *) script)

/* Every open descriptor below 700, without one for a directory that is listed. */
#define LIST_FDS \
        "i=0; while [ $i -lt 700 ]; do [ -e /proc/$$/fd/$i ] && echo $i; i=$((i + 1)); done; :"

static void put(int at, const char *text) {
        int pair[2];

        (void) pipe2(pair, O_CLOEXEC);
        (void) dup2(pair[0], 300);
        (void) !write(pair[1], text, strlen(text));
        (void) close(pair[0]);
        (void) close(pair[1]);
        (void) dup2(300, at);
        (void) close(300);
}

static void open_many(void) {
        static const int at[] = { 3, 4, 5, 6, 7, 20, 500, 699 };

        for (size_t i = 0; i < ELEMENTSOF(at); i++)
                (void) dup2(STDERR_FILENO, at[i]);
        (void) dup3(STDERR_FILENO, 30, O_CLOEXEC);
}

START_TEST(exactly_the_given_descriptors_are_open) {
        const Case c = { SHELL(LIST_FDS), .prepare = open_many, .fds = { 20, 30 }, .n_fds = 2 };
        char output[4096];

        ck_assert_int_eq(run(&c, output), 0);
        ck_assert_str_eq(output, "0\n1\n2\n3\n4\n");
}
END_TEST

START_TEST(without_descriptors_only_the_standard_ones_are_open) {
        const Case c = { SHELL(LIST_FDS), .prepare = open_many };
        char output[4096];

        ck_assert_int_eq(run(&c, output), 0);
        ck_assert_str_eq(output, "0\n1\n2\n");
}
END_TEST

static void put_on_eight(void) {
        for (int i = 0; i < PROCESS_FDS_MAX; i++)
                put(10 + i, (char[]){ (char) ('a' + i), '\n', '\0' });
}

START_TEST(as_many_descriptors_as_allowed_arrive_in_order) {
        const Case c = { SHELL("for i in 3 4 5 6 7 8 9; do eval \"read x <&$i\"; echo $x; done;"
                               "read x < /proc/self/fd/10; echo $x; " LIST_FDS),
                         .prepare = put_on_eight, .fds = { 17, 16, 15, 14, 13, 12, 11, 10 },
                         .n_fds = 8 };
        char output[4096];

        ck_assert_int_eq(run(&c, output), 0);
        ck_assert_str_eq(output, "h\ng\nf\ne\nd\nc\nb\na\n0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n");
}
END_TEST

static void put_on_three_and_four(void) {
        put(3, "three\n");
        put(4, "four\n");
}

START_TEST(descriptors_may_stand_where_others_have_to_go) {
        const Case c = { SHELL("cat <&3; cat <&4; " LIST_FDS), .prepare = put_on_three_and_four,
                         .fds = { 4, 3 }, .n_fds = 2 };
        char output[4096];

        ck_assert_int_eq(run(&c, output), 0);
        ck_assert_str_eq(output, "four\nthree\n0\n1\n2\n3\n4\n");
}
END_TEST

static void put_on_high_numbers(void) {
        put(20, "twenty\n");
        put(21, "twenty-one\n");
        (void) close(STDIN_FILENO);
        (void) close_range(3, 19, 0);
        (void) close_range(22, ~0U, 0);
}

START_TEST(numbers_that_are_free_are_no_trap) {
        const Case c = { SHELL("cat <&3; cat <&4; " LIST_FDS), .prepare = put_on_high_numbers,
                         .fds = { 21, 20 }, .exec_at = 30, .n_fds = 2 };
        char output[4096];

        ck_assert_int_eq(run(&c, output), 0);
        ck_assert_str_eq(output, "twenty-one\ntwenty\n0\n1\n2\n3\n4\n");
}
END_TEST

static void put_on_four_and_five(void) {
        put(4, "four\n");
        put(5, "five\n");
}

START_TEST(program_may_stand_where_a_descriptor_has_to_go) {
        const Case c = { SHELL("cat <&3; cat <&4; " LIST_FDS), .prepare = put_on_four_and_five,
                         .fds = { 4, 5 }, .n_fds = 2, .exec_at = 3 };
        char output[4096];

        ck_assert_int_eq(run(&c, output), 0);
        ck_assert_str_eq(output, "four\nfive\n0\n1\n2\n3\n4\n");
}
END_TEST

START_TEST(one_descriptor_may_be_given_twice) {
        const Case c = { SHELL("read x <&3; read y <&4; echo $x $y"),
                         .prepare = put_on_four_and_five, .fds = { 5, 5 }, .n_fds = 2 };
        char output[4096];

        /* It is the same pipe: what the one has read, the other does not. */
        ck_assert_int_eq(run(&c, output), 0);
        ck_assert_str_eq(output, "five\n");
}
END_TEST

static void put_on_stdin(void) {
        put(STDIN_FILENO, "standard input\n");
}

START_TEST(stdin_is_dev_null_even_if_it_is_given_as_another) {
        const Case c = { SHELL("readlink /proc/$$/fd/0; cat; cat <&3"), .prepare = put_on_stdin,
                         .fds = { STDIN_FILENO }, .n_fds = 1 };
        char output[4096];

        ck_assert_int_eq(run(&c, output), 0);
        ck_assert_str_eq(output, "/dev/null\nstandard input\n");
}
END_TEST

static void close_stdin(void) {
        (void) close(STDIN_FILENO);
}

START_TEST(stdin_is_dev_null_where_there_was_none) {
        const Case c = { SHELL("readlink /proc/$$/fd/0; " LIST_FDS), .prepare = close_stdin };
        char output[4096];

        ck_assert_int_eq(run(&c, output), 0);
        ck_assert_str_eq(output, "/dev/null\n0\n1\n2\n");
}
END_TEST

START_TEST(program_leads_a_session_of_its_own) {
        const Case c = { SHELL("read pid name state parent group session rest < /proc/$$/stat;"
                               "[ $pid = $$ ] && [ $group = $$ ] && [ $session = $$ ]") };
        char output[4096];

        ck_assert_int_eq(run(&c, output), 0);
}
END_TEST

static void disturb_signals(void) {
        sigset_t some;

        (void) signal(SIGPIPE, SIG_IGN);
        (void) signal(SIGINT, SIG_IGN);
        (void) signal(SIGRTMAX, SIG_IGN);
        sigemptyset(&some);
        sigaddset(&some, SIGTERM);
        sigaddset(&some, SIGCHLD);
        (void) sigprocmask(SIG_BLOCK, &some, NULL);
}

START_TEST(signals_are_default_and_unblocked) {
        const Case c = { .program = "/bin/cat",
                         .argv = ARGV((char *) "cat", (char *) "/proc/self/status"),
                         .prepare = disturb_signals };
        char output[4096];

        ck_assert_int_eq(run(&c, output), 0);
        ck_assert_ptr_nonnull(strstr(output, "\nSigBlk:\t0000000000000000\n"));
        ck_assert_ptr_nonnull(strstr(output, "\nSigIgn:\t0000000000000000\n"));
        ck_assert_ptr_nonnull(strstr(output, "\nSigCgt:\t0000000000000000\n"));
}
END_TEST

static void set_environment(void) {
        (void) clearenv();
        (void) setenv("MALLOC_PERTURB_", "7", 1);
        (void) setenv("EFIVARFS_PATH", "/tmp/", 1);
        (void) setenv("LIBEFIVAR_OPS", "vars", 1);
        (void) setenv("OPENSSL_CONF", "/tmp/openssl.cnf", 1);
        (void) setenv("LIBMOUNT_FSTAB", "/tmp/fstab", 1);
        (void) setenv("BLKID_FILE", "", 1);
        (void) setenv("PATH", "/tmp", 1);
}

START_TEST(libraries_are_not_led_astray_by_the_environment) {
        const Case c = { .program = "/usr/bin/env",
                         .argv = ARGV((char *) "env"),
                         .prepare = set_environment };
        char output[4096];

        ck_assert_int_eq(run(&c, output), 0);
        ck_assert_str_eq(output, "MALLOC_PERTURB_=7\n");
}
END_TEST

START_TEST(caller_leads_libefivar_where_it_wants) {
        const Case c = { .program = "/usr/bin/env",
                         .argv = ARGV((char *) "env"),
                         .extra = ARGV((char *) "EFIVARFS_PATH=/root/", (char *) "MORE=x"),
                         .prepare = set_environment };
        char output[4096];

        ck_assert_int_eq(run(&c, output), 0);
        ck_assert_str_eq(output, "MALLOC_PERTURB_=7\nEFIVARFS_PATH=/root/\nMORE=x\n");
}
END_TEST

static void drop_environment(void) {
        (void) clearenv();
}

START_TEST(environment_may_be_empty) {
        const Case c = { .program = "/usr/bin/env",
                         .argv = ARGV((char *) "env"),
                         .prepare = drop_environment };
        char output[4096];

        ck_assert_int_eq(run(&c, output), 0);
        ck_assert_str_eq(output, "");
}
END_TEST

START_TEST(arguments_and_exit_status_are_passed) {
        const Case c = { .program = "/bin/sh",
                         .argv = ARGV((char *) "sh", (char *) "-c",
                                      (char *) "echo \"$0|$1\"; exit 7", (char *) "a b",
                                      (char *) "") };
        char output[4096];

        ck_assert_int_eq(run(&c, output), 7);
        ck_assert_str_eq(output, "a b|\n");
}
END_TEST

START_TEST(what_cannot_be_executed_exits_with_its_errno) {
        const Case text = { .program = "/etc/passwd", .argv = ARGV((char *) "x") };
        const Case directory = { .program = "/etc", .argv = ARGV((char *) "x") };
        const Case absent = { .program = "/absent", .argv = ARGV((char *) "x") };
        const Case bad_fd = { SHELL("exit 0"), .fds = { 600 }, .n_fds = 1 };
        char output[4096];

        ck_assert_int_eq(process_exec_errno(run(&text, output)), EACCES);
        ck_assert_int_eq(process_exec_errno(run(&directory, output)), EACCES);
        ck_assert_int_eq(process_exec_errno(run(&absent, output)), EBADF);
        ck_assert_int_eq(process_exec_errno(run(&bad_fd, output)), EBADF);
}
END_TEST

START_TEST(text_without_an_interpreter_is_told_from_a_failure_of_the_program) {
        char path[] = "/tmp/bootsync-test.XXXXXX", output[4096];
        const Case text = { .program = path, .argv = ARGV((char *) "x") };
        _cleanup_close_ int fd = mkstemp(path);

        ck_assert_int_eq(write(fd, "text\n", 5), 5);
        ck_assert_int_ge(fchmod(fd, 0700), 0);
        fd = safe_close(fd);
        ck_assert_int_eq(process_exec_errno(run(&text, output)), ENOEXEC);
        ck_assert_int_eq(unlink(path), 0);
        ck_assert_int_eq(process_exec_errno(127), 0); /* the dynamic linker's */
        ck_assert_int_eq(process_exec_errno(0), 0);
}
END_TEST

static size_t count_fds(void) {
        size_t n = 0;

        for (int fd = 0; fd < 1024; fd++)
                n += fcntl(fd, F_GETFD) >= 0;
        return n;
}

static int spawn(const char *program, char *const *argv, pid_t *ret_pid) {
        _cleanup_close_ int exec_fd = open(program, O_PATH | O_CLOEXEC);
        int pidfd = -EBADF;

        ck_assert_int_eq(process_spawn(&(ProcessStart){ .exec_fd = exec_fd, .argv = argv }, ret_pid,
                                       &pidfd),
                         0);
        return pidfd;
}

START_TEST(pidfd_tells_the_exit_and_reaps) {
        char *const argv[] = { (char *) "sleep", (char *) "60", NULL };
        pid_t pid = 0;
        _cleanup_close_ int pidfd = spawn("/bin/sleep", argv, &pid);
        struct pollfd p = { .fd = pidfd, .events = POLLIN };
        siginfo_t si = {};

        ck_assert_int_eq(fcntl(pidfd, F_GETFD), FD_CLOEXEC);
        ck_assert_int_eq(poll(&p, 1, 0), 0);
        ck_assert_int_eq(waitid(P_PIDFD, (id_t) pidfd, &si, WEXITED | WNOHANG), 0);
        ck_assert_int_eq(si.si_pid, 0);

        ck_assert_int_ge(kill(pid, SIGTERM), 0);
        ck_assert_int_eq(poll(&p, 1, 10000), 1);
        ck_assert_int_eq(waitid(P_PIDFD, (id_t) pidfd, &si, WEXITED | WNOHANG), 0);
        ck_assert_int_eq(si.si_pid, pid);
        ck_assert_int_eq(si.si_code, CLD_KILLED);
        ck_assert_int_eq(si.si_status, SIGTERM);
}
END_TEST

static void on_signal(int sig) {
}

START_TEST(caller_keeps_its_signals_and_descriptors) {
        char *const argv[] = { (char *) "true", NULL };
        struct sigaction action;
        sigset_t before, after;
        size_t n_fds = count_fds();
        pid_t pid;
        int pidfd;

        (void) signal(SIGUSR1, on_signal);
        sigemptyset(&before);
        sigaddset(&before, SIGUSR2);
        ck_assert_int_ge(sigprocmask(SIG_SETMASK, &before, NULL), 0);
        pidfd = spawn("/bin/true", argv, &pid);
        ck_assert_uint_eq(count_fds(), n_fds + 1);
        ck_assert_int_ge(sigprocmask(SIG_SETMASK, NULL, &after), 0);
        for (int i = 1; i < SIGRTMIN; i++)
                ck_assert_int_eq(sigismember(&after, i), i == SIGUSR2);
        ck_assert_int_ge(sigaction(SIGUSR1, NULL, &action), 0);
        ck_assert(action.sa_handler == on_signal);
        ck_assert_int_eq(reap(pidfd), 0);
        (void) close(pidfd);
}
END_TEST

START_TEST(sealed_memfd_holds_the_data_from_its_beginning) {
        static const char data[] = "plan\0text\n";
        _cleanup_close_ int fd = process_sealed_memfd("test", data, sizeof(data));
        char buffer[64];

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
        ck_assert_int_eq(read(fd, buffer, sizeof(buffer)), sizeof(data));
        ck_assert_mem_eq(buffer, data, sizeof(data));
}
END_TEST

START_TEST(sealed_memfd_cannot_be_changed) {
        const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
        _cleanup_close_ int fd = process_sealed_memfd("test", "data", 4);

        ck_assert_int_eq(fcntl(fd, F_GET_SEALS) & seals, seals);
        ck_assert_int_lt(write(fd, "x", 1), 0);
        ck_assert_int_eq(errno, EPERM);
        ck_assert_int_lt(ftruncate(fd, 0), 0);
        ck_assert_int_lt(ftruncate(fd, 10), 0);
        ck_assert(mmap(NULL, 4, PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
}
END_TEST

START_TEST(sealed_memfd_may_be_empty_or_large) {
        const size_t large = 5 * 1024 * 1024;
        _cleanup_free_ char *data = calloc(1, large);
        _cleanup_close_ int empty_fd = process_sealed_memfd("test", NULL, 0);
        _cleanup_close_ int large_fd = process_sealed_memfd("test", data, large);
        struct stat st;

        ck_assert_int_ge(fstat(empty_fd, &st), 0);
        ck_assert_int_eq(st.st_size, 0);
        ck_assert_int_ge(fstat(large_fd, &st), 0);
        ck_assert_int_eq(st.st_size, large);
}
END_TEST

CHECK_MAIN("process", exactly_the_given_descriptors_are_open,
           without_descriptors_only_the_standard_ones_are_open,
           as_many_descriptors_as_allowed_arrive_in_order,
           descriptors_may_stand_where_others_have_to_go, numbers_that_are_free_are_no_trap,
           program_may_stand_where_a_descriptor_has_to_go, one_descriptor_may_be_given_twice,
           stdin_is_dev_null_even_if_it_is_given_as_another, stdin_is_dev_null_where_there_was_none,
           program_leads_a_session_of_its_own, signals_are_default_and_unblocked,
           libraries_are_not_led_astray_by_the_environment, caller_leads_libefivar_where_it_wants,
           environment_may_be_empty, arguments_and_exit_status_are_passed,
           what_cannot_be_executed_exits_with_its_errno,
           text_without_an_interpreter_is_told_from_a_failure_of_the_program,
           pidfd_tells_the_exit_and_reaps, caller_keeps_its_signals_and_descriptors,
           sealed_memfd_holds_the_data_from_its_beginning, sealed_memfd_cannot_be_changed,
           sealed_memfd_may_be_empty_or_large)
