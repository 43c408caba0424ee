/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A program gets no more than it needs, its end is told, and it is never waited for without end. */

#include "blocking/program/program.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>

#include "../check-main.h"
#include "common/fd.h"
#include "common/string-util.h"

#define SHELL       "/bin/sh"
#define TIMEOUT_SEC 30

typedef struct Watcher {
        unsigned n_moved;
        uint64_t bytes;
} Watcher;

static bool never_asked(void *userdata) {
        ck_abort_msg("a program is not to be stopped");
        return true;
}

static void count(CopyMove move, uint64_t bytes, void *userdata) {
        Watcher *w = userdata;

        w->n_moved++;
        w->bytes += bytes;
}

/* Our stderr goes to a file between begin and end. */
typedef struct Capture {
        int saved;
        FILE *file;
} Capture;

static void capture_begin(Capture *c) {
        c->file = tmpfile();
        ck_assert_ptr_nonnull(c->file);
        c->saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
        ck_assert_int_ge(c->saved, 0);
        ck_assert_int_ge(dup2(fileno(c->file), STDERR_FILENO), 0);
}

static char *capture_end(Capture *c) {
        char *output = calloc(1, 65536);

        ck_assert_ptr_nonnull(output);
        ck_assert_int_ge(dup2(c->saved, STDERR_FILENO), 0);
        (void) close(c->saved);
        ck_assert_int_ge(pread(fileno(c->file), output, 65535, 0), 0);
        (void) fclose(c->file);
        return output;
}

/* Run @script, and return what program_run() does; *@ret_output is what came out of our stderr. */
static int run_shell(const char *script, int fd, unsigned timeout_sec, char **ret_output,
                     Error *error) {
        const char *const argv[] = { SHELL, "-c", script, NULL };
        Watcher watcher = {};
        const CopyWatch watch = { .stop = never_asked, .moved = count, .userdata = &watcher };
        Capture capture;
        int r;

        capture_begin(&capture);
        r = program_run(argv, fd, timeout_sec, &watch, error);
        *ret_output = capture_end(&capture);
        return r;
}

static void assert_output(const char *script, int fd, const char *expect) {
        _cleanup_free_ char *output = NULL;
        _cleanup_error_ Error error = {};

        ck_assert_int_eq(run_shell(script, fd, TIMEOUT_SEC, &output, &error), 0);
        ck_assert_str_eq(output, expect);
        ck_assert(!error_is_set(&error));
}

START_TEST(exit_status_is_returned_and_is_no_error) {
        for (int status = 0; status < 256; status += 51) {
                _cleanup_free_ char *script = strprintf("exit %d", status), *output = NULL;
                _cleanup_error_ Error error = {};

                ck_assert_int_eq(run_shell(script, -1, TIMEOUT_SEC, &output, &error), status);
                ck_assert(!error_is_set(&error));
        }
}
END_TEST

START_TEST(program_that_is_not_there_is_not_supported_and_named) {
        static const char *const argv[] = { "/nowhere/fsck", NULL };
        const CopyWatch watch = { .stop = never_asked, .moved = count };
        _cleanup_error_ Error error = {};

        ck_assert_int_eq(program_run(argv, -1, TIMEOUT_SEC, &watch, &error),
                         error_code_to_errno(ERROR_NOT_SUPPORTED));
        ck_assert_int_eq(error.code, ERROR_NOT_SUPPORTED);
        ck_assert_ptr_nonnull(strstr(error.message, "'/nowhere/fsck'"));
        ck_assert_ptr_nonnull(strstr(error.message, "install"));
}
END_TEST

START_TEST(what_is_no_program_is_an_error) {
        static const char *const argv[] = { "/etc/passwd", NULL };
        const CopyWatch watch = { .stop = never_asked, .moved = count };
        _cleanup_error_ Error error = {};

        ck_assert_int_eq(program_run(argv, -1, TIMEOUT_SEC, &watch, &error), -EACCES);
        ck_assert_int_eq(error.code, ERROR_FAILED);
        ck_assert_ptr_nonnull(strstr(error.message, "'/etc/passwd'"));
        ck_assert_ptr_nonnull(strstr(error.message, "noexec"));
}
END_TEST

/* Run a file that holds @text. */
static int run_text(const char *text, Error *error) {
        const CopyWatch watch = { .stop = never_asked, .moved = count, .userdata = &(Watcher){} };
        char path[] = "/tmp/bootsync-test.XXXXXX";
        const char *const argv[] = { path, NULL };
        _cleanup_close_ int fd = mkstemp(path);
        int r;

        ck_assert_int_ge(write(fd, text, strlen(text)), 0);
        ck_assert_int_ge(fchmod(fd, 0700), 0);
        fd = safe_close(fd);
        r = program_run(argv, -1, TIMEOUT_SEC, &watch, error);
        ck_assert_int_eq(unlink(path), 0);
        ck_assert_ptr_nonnull(strstr(strempty(error->message), path));
        return r;
}

START_TEST(program_without_its_interpreter_is_not_called_absent) {
        _cleanup_error_ Error error = {};

        ck_assert_int_eq(run_text("#!/nowhere/sh\n", &error), -ENOENT);
        ck_assert_int_eq(error.code, ERROR_FAILED);
        ck_assert_ptr_nonnull(strstr(error.message, "interpreter"));
}
END_TEST

START_TEST(file_that_no_kernel_runs_is_told_to_be_no_program) {
        _cleanup_error_ Error error = {};

        ck_assert_int_eq(run_text("text\n", &error), -ENOEXEC);
        ck_assert_int_eq(error.code, ERROR_FAILED);
        ck_assert_ptr_nonnull(strstr(error.message, "no program"));
}
END_TEST

START_TEST(end_by_a_signal_is_a_failure_that_names_it) {
        _cleanup_free_ char *output = NULL;
        _cleanup_error_ Error error = {};

        ck_assert_int_eq(run_shell("kill -SEGV $$", -1, TIMEOUT_SEC, &output, &error),
                         error_code_to_errno(ERROR_FAILED));
        ck_assert_int_eq(error.code, ERROR_FAILED);
        ck_assert_ptr_nonnull(strstr(error.message, strsignal(SIGSEGV)));
}
END_TEST

START_TEST(program_that_does_not_end_in_time_is_killed_and_reaped) {
        _cleanup_free_ char *output = NULL;
        _cleanup_error_ Error error = {};
        struct timespec before, after;
        pid_t pid;

        (void) clock_gettime(CLOCK_MONOTONIC, &before);
        ck_assert_int_eq(run_shell("echo $$ >&2; trap '' TERM; exec sleep 1000", -1, 1, &output,
                                   &error),
                         error_code_to_errno(ERROR_TIMEOUT));
        (void) clock_gettime(CLOCK_MONOTONIC, &after);
        ck_assert_int_eq(error.code, ERROR_TIMEOUT);
        ck_assert_ptr_nonnull(strstr(error.message, "within 1 s"));
        ck_assert_int_lt(after.tv_sec - before.tv_sec, 20);
        pid = (pid_t) atoi(output);
        ck_assert_int_gt(pid, 1);
        ck_assert_int_eq(waitpid(pid, NULL, WNOHANG), -1);
        ck_assert_int_eq(errno, ECHILD);
}
END_TEST

START_TEST(watch_hears_a_sign_of_life_each_second) {
        static const char *const argv[] = { SHELL, "-c", "sleep 2.5", NULL };
        Watcher watcher = {};
        const CopyWatch watch = { .stop = never_asked, .moved = count, .userdata = &watcher };

        ck_assert_int_eq(program_run(argv, -1, TIMEOUT_SEC, &watch, NULL), 0);
        ck_assert_uint_ge(watcher.n_moved, 2);
        ck_assert_uint_le(watcher.n_moved, 3);
        ck_assert_uint_eq(watcher.bytes, 0);
}
END_TEST

START_TEST(stdin_is_empty) {
        _cleanup_close_ int saved = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 10);
        int pipe_fds[2];

        /* There would be something to read, and then nothing and no end. */
        ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
        ck_assert_int_eq(write(pipe_fds[1], "y\n", 2), 2);
        ck_assert_int_ge(dup2(pipe_fds[0], STDIN_FILENO), 0);
        assert_output("readlink /proc/self/fd/0; cat", -1, "/dev/null\n");
        if (saved >= 0)
                ck_assert_int_ge(dup2(saved, STDIN_FILENO), 0);
        (void) close(pipe_fds[0]);
        (void) close(pipe_fds[1]);
}
END_TEST

START_TEST(stdout_and_stderr_go_to_our_stderr) {
        assert_output("echo one; echo two >&2; echo three", -1, "one\ntwo\nthree\n");
}
END_TEST

/* The shell opens nothing of its own while it expands the pattern: it reads the directory. */
#define LIST_FDS "cd /proc/$$/fd; for fd in *; do [ -e \"$fd\" ] && echo \"$fd\"; done; true"

START_TEST(only_the_one_descriptor_is_inherited_as_number_3) {
        _cleanup_close_ int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
        int others[20];

        for (size_t i = 0; i < ELEMENTSOF(others); i++) {
                others[i] = open("/dev/null", O_RDONLY); /* not closed by exec */
                ck_assert_int_ge(others[i], 0);
        }
        assert_output(LIST_FDS, fd, "0\n1\n2\n3\n");
        assert_output("head -c 5 <&3", fd, "Name:");
        assert_output(LIST_FDS, -1, "0\n1\n2\n");
        for (size_t i = 0; i < ELEMENTSOF(others); i++)
                (void) close(others[i]);
        ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
}
END_TEST

/* dup2() to the same number would leave the close-on-exec flag. A process of its own does it, since
 * the numbers are Check's here. */
START_TEST(descriptor_may_have_any_number_before) {
        static const char *const argv[] = { SHELL, "-c", "head -c 5 <&3; " LIST_FDS, NULL };
        static const int numbers[] = { 0, 1, 3, 4, 20 };
        const CopyWatch watch = { .stop = never_asked, .moved = count };

        for (size_t i = 0; i < ELEMENTSOF(numbers); i++) {
                char output[64] = {};
                FILE *file = tmpfile();
                int status;
                pid_t pid;

                ck_assert_ptr_nonnull(file);
                pid = fork();
                ck_assert_int_ge(pid, 0);
                if (pid == 0) {
                        int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);

                        if (fd < 0 || dup2(fileno(file), STDERR_FILENO) < 0 ||
                            (fd != numbers[i] && dup3(fd, numbers[i], O_CLOEXEC) < 0))
                                _exit(2);
                        _exit(program_run(argv, numbers[i], TIMEOUT_SEC, &watch, NULL) != 0);
                }
                ck_assert_int_eq(waitpid(pid, &status, 0), pid);
                ck_assert_int_eq(status, 0);
                ck_assert_int_ge(pread(fileno(file), output, sizeof(output) - 1, 0), 0);
                ck_assert_str_eq(output, "Name:0\n1\n2\n3\n");
                (void) fclose(file);
        }
}
END_TEST

START_TEST(environment_is_locale_and_path_and_nothing_else) {
        ck_assert_int_eq(setenv("LD_BIND_NOW", "1", true), 0);
        ck_assert_int_eq(setenv("LC_ALL", "de_DE.UTF-8", true), 0);
        /* The shell adds PWD and the like, hence what the kernel has. */
        assert_output("tr '\\0' '\\n' </proc/$$/environ", -1,
                      "LC_ALL=C\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\n");
}
END_TEST

START_TEST(signals_are_neither_blocked_nor_ignored) {
        _cleanup_free_ char *output = NULL;
        unsigned long blocked, ignored;
        sigset_t all, before;

        (void) sigfillset(&all);
        ck_assert_int_eq(sigprocmask(SIG_SETMASK, &all, &before), 0);
        ck_assert(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
        ck_assert(signal(SIGTERM, SIG_IGN) != SIG_ERR);
        ck_assert_int_eq(run_shell("exec grep -E '^Sig(Blk|Ign)' /proc/self/status", -1,
                                   TIMEOUT_SEC, &output, NULL),
                         0);
        ck_assert_int_eq(sigprocmask(SIG_SETMASK, &before, NULL), 0);
        ck_assert_int_eq(sscanf(output, "SigBlk: %lx SigIgn: %lx", &blocked, &ignored), 2);
        ck_assert_uint_eq(blocked, 0);
        /* posix_spawn() ignores the two that are the C library's own. */
        for (int n = 1; n <= SIGRTMAX; n++)
                ck_assert(!(ignored & 1ul << (n - 1)) || (n >= 32 && n < SIGRTMIN));
}
END_TEST

static void ignore_signal(int number) {
}

START_TEST(interrupted_wait_goes_on) {
        const struct sigaction action = { .sa_handler = ignore_signal }; /* no SA_RESTART */
        _cleanup_free_ char *script = strprintf("for i in 1 2 3; do sleep 0.1; kill -USR1 %d; "
                                                "done; exit 7",
                                                (int) getpid());
        _cleanup_free_ char *output = NULL;

        ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
        ck_assert_int_eq(run_shell(script, -1, TIMEOUT_SEC, &output, NULL), 7);
}
END_TEST

/* As run_shell(), of a program that must succeed, in our own root. */
static int must_run_shell(const char *script, const char *variable, unsigned timeout_sec,
                          char **ret_output, Error *error) {
        const char *const argv[] = { SHELL, "-c", script, NULL };
        const CopyWatch watch = { .stop = never_asked, .moved = count, .userdata = &(Watcher){} };
        _cleanup_(root_freep) Root *root = NULL;
        Capture capture;
        int r;

        ck_assert_int_eq(root_open("/", &root), 0);
        capture_begin(&capture);
        r = program_must_run(root, argv, variable, timeout_sec, &watch, error);
        *ret_output = capture_end(&capture);
        return r;
}

START_TEST(failure_ends_with_the_last_line_that_was_printed) {
        static const struct {
                const char *script, *words;
        } cases[] = {
                { "echo one; echo two >&2; exit 1", "exit status 1 (see the journal): two" },
                { "printf 'one\\n\\n  \\n'; exit 3", "exit status 3 (see the journal): one" },
                { "printf 'one\\ntwo'; exit 1", "exit status 1 (see the journal): two" },
                { "printf '10 %%\\r20 %%\\r'; exit 1", "exit status 1 (see the journal): 20 %" },
                { "printf 'a\\033[1mb\\n'; exit 1", "exit status 1 (see the journal): a?[1mb" },
                { "exit 1", "exit status 1 (see the journal)" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *output = NULL;
                _cleanup_error_ Error error = {};

                ck_assert_int_eq(
                                must_run_shell(cases[i].script, NULL, TIMEOUT_SEC, &output, &error),
                                error_code_to_errno(ERROR_FAILED));
                ck_assert_int_eq(error.code, ERROR_FAILED);
                ck_assert_ptr_nonnull(strstr(error.message, "'" SHELL "'"));
                ck_assert_msg(endswith(error.message, cases[i].words), "%s", error.message);
        }
}
END_TEST

START_TEST(long_line_is_cut_and_all_of_it_goes_to_our_stderr) {
        _cleanup_free_ char *output = NULL;
        _cleanup_error_ Error error = {};

        ck_assert_int_lt(must_run_shell("head -c 5000 /dev/zero | tr '\\0' x; exit 1", NULL,
                                        TIMEOUT_SEC, &output, &error),
                         0);
        ck_assert_uint_eq(strlen(output), 5000);
        ck_assert_uint_lt(strlen(error.message), 400);
}
END_TEST

START_TEST(success_gives_no_error_and_prints_what_it_prints) {
        _cleanup_free_ char *output = NULL;
        _cleanup_error_ Error error = {};

        ck_assert_int_eq(must_run_shell("echo one; echo \"$X\" >&2; ls /proc/self/fd | wc -l",
                                        "X=two", TIMEOUT_SEC, &output, &error),
                         0);
        ck_assert_str_eq(output, "one\ntwo\n4\n"); /* the fourth is that of ls */
        ck_assert(!error_is_set(&error));
}
END_TEST

START_TEST(program_that_left_something_running_is_not_waited_for_beyond_its_end) {
        _cleanup_free_ char *output = NULL;
        time_t begin = time(NULL);

        ck_assert_int_eq(must_run_shell("sleep 20 & echo done", NULL, TIMEOUT_SEC, &output, NULL),
                         0);
        ck_assert_str_eq(output, "done\n");
        ck_assert_int_lt(time(NULL) - begin, 10);
}
END_TEST

START_TEST(deadline_ends_what_the_program_has_started_too) {
        _cleanup_free_ char *output = NULL;
        _cleanup_error_ Error error = {};
        int pid;

        ck_assert_int_eq(must_run_shell("sleep 50 & echo $!; wait", NULL, 1, &output, &error),
                         error_code_to_errno(ERROR_TIMEOUT));
        ck_assert_int_eq(sscanf(output, "%d", &pid), 1);
        for (unsigned i = 0; i < 100 && kill(pid, 0) >= 0; i++) {
                _cleanup_free_ char *script = strprintf("grep -q '^State:.Z' /proc/%d/status", pid);

                if (system(script) == 0) /* nobody reaps it where there is no init */
                        return;
                (void) usleep(50000);
        }
        ck_assert_int_lt(kill(pid, 0), 0);
}
END_TEST

/* A system below a directory, as somebody mounts it who works on one: with programs of the host, a
 * dev/ of its own, and the host's proc/ and sys/. It is in a mount namespace of a process of its
 * own, which ends with the test. */
typedef struct Tree {
        char dir[sizeof("/tmp/bootsync-test.XXXXXX")];
        Root *root;
        char *note;
} Tree;

static char *tree_path(const Tree *t, const char *path) {
        char *joined = strprintf("%s/%s", t->dir, path);

        ck_assert_ptr_nonnull(joined);
        return joined;
}

static void tree_mount(const Tree *t, const char *source, const char *path, const char *type) {
        _cleanup_free_ char *target = tree_path(t, path);

        ck_assert(mkdir(target, 0755) >= 0 || errno == EEXIST);
        ck_assert_int_eq(mount(source, target, type, type ? 0 : MS_BIND | MS_REC, NULL), 0);
}

static void tree_device(const Tree *t, const char *path, dev_t device) {
        _cleanup_free_ char *target = tree_path(t, path);

        ck_assert_int_eq(mknod(target, S_IFCHR | 0600, device), 0);
}

/* False where that cannot be done, by another user than root or in some containers. */
static bool tree_init(Tree *t) {
        static const char *const directories[] = { "/usr", "/bin", "/sbin", "/lib", "/lib64" };

        *t = (Tree){ .dir = "/tmp/bootsync-test.XXXXXX" };
        ck_assert_ptr_nonnull(mkdtemp(t->dir));
        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                return false;
        ck_assert_int_eq(mount("tree", t->dir, "tmpfs", 0, NULL), 0);
        for (size_t i = 0; i < ELEMENTSOF(directories); i++)
                if (access(directories[i], F_OK) >= 0)
                        tree_mount(t, directories[i], directories[i] + 1, NULL);
        tree_mount(t, "/proc", "proc", NULL);
        tree_mount(t, "/sys", "sys", NULL);
        tree_mount(t, "devices", "dev", "tmpfs");
        tree_device(t, "dev/null", makedev(1, 3));
        ck_assert_int_eq(root_open(t->dir, &t->root), 0);
        return true;
}

/* The mounts go with the namespace, so only the directory is left. */
static void tree_done(Tree *t) {
        root_free(t->root);
        free(t->note);
        (void) umount2(t->dir, MNT_DETACH);
        (void) rmdir(t->dir);
}
#define _cleanup_tree_ _cleanup_(tree_done)

static void take_note(const char *sentence, void *userdata) {
        Tree *t = userdata;

        ck_assert_ptr_null(t->note);
        t->note = strdup(sentence);
}

static void ignore_move(CopyMove move, uint64_t bytes, void *userdata) {
}

static int tree_run(Tree *t, const char *script, unsigned timeout_sec, char **ret_output,
                    Error *error) {
        const char *const argv[] = { SHELL, "-c", script, NULL };
        const CopyWatch watch = {
                .stop = never_asked,
                .moved = ignore_move,
                .noted = take_note,
                .userdata = t,
        };
        Capture capture;
        int r;

        capture_begin(&capture);
        r = program_must_run(t->root, argv, "X=variable", timeout_sec, &watch, error);
        *ret_output = capture_end(&capture);
        return r;
}

static void assert_tree_output(Tree *t, const char *script, const char *expect) {
        _cleanup_free_ char *output = NULL;
        _cleanup_error_ Error error = {};

        ck_assert_msg(tree_run(t, script, TIMEOUT_SEC, &output, &error) == 0, "%s: %s", script,
                      error.message);
        ck_assert_str_eq(output, expect);
        ck_assert_ptr_null(t->note);
}

START_TEST(program_of_another_root_is_run_in_it_as_any_other) {
        _cleanup_tree_ Tree t;

        if (!tree_init(&t))
                return;
        assert_tree_output(&t, "pwd; ls -d /home /tmp 2>/dev/null; id -u", "/\n0\n");
        assert_tree_output(&t, "wc -c <&0; " LIST_FDS, "0\n0\n1\n2\n");
        assert_tree_output(&t, "tr '\\0' '\\n' </proc/$$/environ",
                           "LC_ALL=C\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\nX=variable\n");
        assert_tree_output(&t, "echo one; echo two >&2", "one\ntwo\n");
        assert_tree_output(&t, "grep -E '^Sig(Blk|Ign)' /proc/self/status",
                           "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}
END_TEST

START_TEST(program_that_is_not_in_another_root_is_named_with_it) {
        static const char *const argv[] = { "/usr/sbin/nothing", NULL };
        const CopyWatch watch = { .stop = never_asked, .moved = count, .userdata = &(Watcher){} };
        _cleanup_error_ Error error = {};
        _cleanup_tree_ Tree t;

        if (!tree_init(&t))
                return;
        ck_assert_int_eq(program_must_run(t.root, argv, NULL, TIMEOUT_SEC, &watch, &error),
                         error_code_to_errno(ERROR_FAILED));
        ck_assert_ptr_nonnull(strstr(error.message, "Cannot run '/usr/sbin/nothing' in '/tmp/"));
}
END_TEST

START_TEST(program_of_another_root_sees_no_process_of_the_host) {
        _cleanup_free_ char *script = strprintf("kill -0 %d 2>/dev/null || echo nobody; echo $$; "
                                                "cd /proc; for i in [0-9]*; do "
                                                "[ $i -gt 9 ] && echo $i; done; true",
                                                (int) getpid());
        _cleanup_tree_ Tree t;

        if (!tree_init(&t))
                return;
        assert_tree_output(&t, script, "nobody\n1\n");
}
END_TEST

START_TEST(program_of_another_root_has_no_network) {
        _cleanup_tree_ Tree t;

        if (!tree_init(&t))
                return;
        assert_tree_output(&t, "grep -c : /proc/net/dev; grep -o ' *lo:' /proc/net/dev",
                           "1\n    lo:\n");
        assert_tree_output(&t,
                           "for i in net ipc uts cgroup pid mnt; do "
                           "readlink /proc/self/ns/$i | grep -q $i || echo $i; done",
                           "");
}
END_TEST

START_TEST(program_of_another_root_sees_and_makes_no_mount_of_the_host) {
        _cleanup_free_ char *env = NULL;
        _cleanup_tree_ Tree t;

        if (!tree_init(&t))
                return;
        env = tree_path(&t, "usr/bin/env");
        ck_assert_int_eq(mount("secret-of-the-host", "/mnt", "tmpfs", 0, NULL), 0);
        assert_tree_output(&t,
                           "grep -c 'secret-of-the-host' /proc/self/mountinfo; "
                           "grep -c ' / / ' /proc/self/mountinfo",
                           "0\n1\n");
        tree_mount(&t, "mapper", "dev/mapper", "tmpfs"); /* so that it can mount at all */
        tree_device(&t, "dev/mapper/control", makedev(10, 236));
        assert_tree_output(&t, "mount -t tmpfs other /usr/bin && cd /usr/bin && echo *", "*\n");
        ck_assert_int_eq(access(env, F_OK), 0);
}
END_TEST

#define CAPABILITIES "sed -n 's/^Cap\\(Inh\\|Prm\\|Eff\\|Bnd\\|Amb\\):.//p' /proc/self/status"

START_TEST(program_of_another_root_has_few_capabilities_and_can_gain_none) {
        _cleanup_tree_ Tree t;

        if (!tree_init(&t))
                return;
        assert_tree_output(&t, CAPABILITIES "; grep NoNewPrivs /proc/self/status",
                           "0000000000000000\n000000000000001b\n000000000000001b\n"
                           "000000000000001b\n0000000000000000\nNoNewPrivs:\t1\n");
        assert_tree_output(&t,
                           "for i in 'mount -t tmpfs x /dev' 'umount /proc' 'chroot /' "
                           "'mknod /dev/mem c 1 1' 'hostname x' 'unshare -m'; do "
                           "$i true >/dev/null 2>&1 && echo \"$i\"; done; true",
                           "");
        assert_tree_output(&t, "touch /x; chown 7:7 /x; chmod 600 /x; cat /x; stat -c %u /x; rm /x",
                           "7\n");
}
END_TEST

START_TEST(device_mapper_in_another_root_costs_one_capability_more) {
        _cleanup_tree_ Tree t;

        if (!tree_init(&t))
                return;
        tree_mount(&t, "mapper", "dev/mapper", "tmpfs");
        tree_device(&t, "dev/mapper/control", makedev(10, 236));
        assert_tree_output(&t, CAPABILITIES " | uniq | tr '\\n' ' '",
                           "0000000000000000 000000000020001b 0000000000000000 ");
}
END_TEST

/* Read-only or not, in the last mount there. */
#define MOUNTED_HOW(path)                                                       \
        "how=; while read -r what where type options; do "                      \
        "[ \"$where\" = " path " ] && how=${options%%,*}; done </proc/mounts; " \
        "echo \"$how\"; "

START_TEST(program_of_another_root_cannot_steer_the_kernel) {
        _cleanup_tree_ Tree t;

        if (!tree_init(&t))
                return;
        assert_tree_output(&t,
                           "for i in /proc/sys/kernel/core_pattern /proc/sysrq-trigger "
                           "/sys/kernel/uevent_helper /sys/kernel/mm/ksm/run; do "
                           "[ -e $i ] && (: >>$i) 2>/dev/null && echo $i; done; " MOUNTED_HOW(
                                           "/proc") MOUNTED_HOW("/sys"),
                           "ro\nro\n");
}
END_TEST

START_TEST(program_of_another_root_has_no_way_to_talk_to_the_host_that_is_mounted_there) {
        static const char *const paths[] = { "run", "run/dbus", "run/systemd", "dev/pts",
                                             "dev/shm" };
        _cleanup_tree_ Tree t;

        if (!tree_init(&t))
                return;
        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                _cleanup_free_ char *file = NULL, *inside = NULL;
                int fd;

                tree_mount(&t, "host", paths[i], "tmpfs");
                inside = strprintf("%s/socket", paths[i]);
                file = tree_path(&t, inside);
                fd = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
                ck_assert_int_ge(fd, 0);
                (void) close(fd);
        }
        assert_tree_output(&t, "ls -d /run/socket /run/*/socket /dev/*/socket 2>/dev/null; true",
                           "/run/socket\n");
}
END_TEST

START_TEST(what_a_program_of_another_root_has_started_ends_with_it) {
        _cleanup_free_ char *output = NULL, *begin = NULL, *find = NULL, *wait = NULL;
        _cleanup_tree_ Tree t;

        if (!tree_init(&t))
                return;
        begin = strprintf("setsid sleep 4711.%d & echo done", (int) getpid());
        wait = strprintf("%s; wait", begin);
        find = strprintf("pgrep -f '^sleep 4711[.]%d$' >/dev/null", (int) getpid());
        assert_tree_output(&t, begin, "done\n");
        ck_assert_int_ne(system(find), 0);
        ck_assert_int_eq(tree_run(&t, wait, 1, &output, NULL), error_code_to_errno(ERROR_TIMEOUT));
        ck_assert_int_ne(system(find), 0);
}
END_TEST

/* As a container does: whoever asks for one of these namespaces gets EPERM. */
static void refuse_namespaces(uint32_t refused) {
        struct sock_filter filter[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3),
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
                BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, refused, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        const struct sock_fprog program = { .len = ELEMENTSOF(filter), .filter = filter };

        ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

START_TEST(where_namespaces_are_refused_the_program_runs_and_that_is_noted) {
        static const struct {
                uint32_t refused;
                const char *proc, *note;
        } cases[] = {
                { CLONE_NEWPID, "ro\n", "processes, network (Operation not permitted)" },
                { CLONE_NEWNS, "rw\n", "processes, network and mounts (Operation not permitted)" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *output = NULL, *expect = NULL;
                _cleanup_error_ Error error = {};
                _cleanup_tree_ Tree t;

                if (!tree_init(&t))
                        return;
                refuse_namespaces(cases[i].refused); /* for good: the second case has both */
                ck_assert_int_eq(tree_run(&t,
                                          "grep CapBnd /proc/self/status; " MOUNTED_HOW("/proc"),
                                          TIMEOUT_SEC, &output, &error),
                                 0);
                expect = strprintf("CapBnd:\t000000000000001b\n%s", cases[i].proc);
                ck_assert_str_eq(output, expect);
                ck_assert_ptr_nonnull(t.note);
                ck_assert_ptr_nonnull(strstr(t.note, "'" SHELL "' of '/tmp/bootsync-test."));
                ck_assert_msg(endswith(t.note, cases[i].note), "%s", t.note);
        }
}
END_TEST

CHECK_MAIN("program", exit_status_is_returned_and_is_no_error,
           program_that_is_not_there_is_not_supported_and_named, what_is_no_program_is_an_error,
           program_without_its_interpreter_is_not_called_absent,
           file_that_no_kernel_runs_is_told_to_be_no_program,
           end_by_a_signal_is_a_failure_that_names_it,
           program_that_does_not_end_in_time_is_killed_and_reaped,
           watch_hears_a_sign_of_life_each_second, stdin_is_empty,
           stdout_and_stderr_go_to_our_stderr, only_the_one_descriptor_is_inherited_as_number_3,
           descriptor_may_have_any_number_before, environment_is_locale_and_path_and_nothing_else,
           signals_are_neither_blocked_nor_ignored, interrupted_wait_goes_on,
           failure_ends_with_the_last_line_that_was_printed,
           long_line_is_cut_and_all_of_it_goes_to_our_stderr,
           success_gives_no_error_and_prints_what_it_prints,
           program_that_left_something_running_is_not_waited_for_beyond_its_end,
           deadline_ends_what_the_program_has_started_too,
           program_of_another_root_is_run_in_it_as_any_other,
           program_that_is_not_in_another_root_is_named_with_it,
           program_of_another_root_sees_no_process_of_the_host,
           program_of_another_root_has_no_network,
           program_of_another_root_sees_and_makes_no_mount_of_the_host,
           program_of_another_root_has_few_capabilities_and_can_gain_none,
           device_mapper_in_another_root_costs_one_capability_more,
           program_of_another_root_cannot_steer_the_kernel,
           program_of_another_root_has_no_way_to_talk_to_the_host_that_is_mounted_there,
           what_a_program_of_another_root_has_started_ends_with_it,
           where_namespaces_are_refused_the_program_runs_and_that_is_noted)
