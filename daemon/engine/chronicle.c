/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Another daemon may work on the same root, so the file is read again before anything is added to
 * it, if it is not as we know it; for a job that has the lock of the root nobody comes in between.
 * It is replaced as a whole, as all state files are. Something in it that is no record is put aside
 * under another name before it would be lost. That the history cannot be stored is said once, and
 * is no failure of any job. */

#include "engine/chronicle.h"

#include <inttypes.h>
#include <sys/stat.h>

#include "common/log.h"
#include "common/names.h"
#include "common/string-util.h"
#include "common/time-util.h"
#include "sys/boot-dir.h"
#include "sys/file.h"

#define FILE_MAX     (2 * HISTORY_SIZE_MAX)
#define DAMAGED_NAME "history.damaged"

struct Chronicle {
        const Root *root;
        History history;
        FileStamp stamp; /* of the file that it was read from or written to last; zeroes: none */
        bool damaged;    /* that file has something that is not in the history */
        bool complained; /* it could not be stored */
};

Chronicle *chronicle_free(Chronicle *c) {
        if (!c)
                return NULL;
        history_done(&c->history);
        return mfree(c);
}

static FileStamp look(const Chronicle *c) {
        FileStamp stamp = {};
        struct stat st;

        if (root_stat(c->root, PATH_HISTORY, &st) >= 0)
                file_stamp_from_stat(&st, &stamp);
        return stamp;
}

/* A file that cannot be read now may be read next time; until then what is known stays. */
static int load(Chronicle *c) {
        const FileStamp stamp = look(c);
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        History history;
        int r;

        r = file_read(c->root, PATH_HISTORY, FILE_MAX, &text, &size);
        if (r < 0 && r != -EFBIG && r != -ENOENT)
                return r == -ENOMEM ? r : 0;
        c->damaged = r == -EFBIG;
        r = history_parse(strempty(text), size, &history);
        if (r < 0)
                return r;
        history_done(&c->history);
        c->history = history;
        c->damaged |= history.damaged;
        c->stamp = stamp;
        return 0;
}

int chronicle_new(const Root *root, Chronicle **ret) {
        _cleanup_(chronicle_freep) Chronicle *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return -ENOMEM;
        c->root = root;
        r = load(c);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(c);
        return 0;
}

const History *chronicle_history(const Chronicle *c) {
        return &c->history;
}

static int read_again(Chronicle *c) {
        const FileStamp stamp = look(c);

        return memcmp(&stamp, &c->stamp, sizeof(stamp)) == 0 ? 0 : load(c);
}

static int put_aside(Chronicle *c) {
        int r;

        if (!c->damaged)
                return 0;
        r = file_rename(c->root, PATH_HISTORY, DAMAGED_NAME);
        if (r < 0)
                return r;
        log_warning("The history in /" PATH_HISTORY " is damaged; what can be read of it is kept, "
                    "and the file is /" PATH_STATE "/" DAMAGED_NAME " now.");
        c->damaged = false;
        return 0;
}

static int store(Chronicle *c) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = history_format(&c->history, &text, &size);
        if (r >= 0)
                r = put_aside(c);
        if (r >= 0)
                r = file_store_state(c->root, PATH_HISTORY, text, size);
        if (r >= 0)
                c->stamp = look(c);
        return MIN(r, 0);
}

/* After a change of the history, which has failed if @r is negative. @loud: that is news. */
static void keep(Chronicle *c, int r, bool loud) {
        if (r >= 0)
                r = store(c);
        if (r < 0 && !c->complained)
                log_line(loud ? LOG_WARNING : LOG_DEBUG,
                         "Cannot store the history in /" PATH_HISTORY
                         ": %s; what was done is remembered only until the daemon ends.",
                         strerror(-r));
        c->complained = r < 0 && (loud || c->complained);
}

/* A copy of @s, or "" without memory, which loses words and no job. */
static void set_word(char **word, const char *s) {
        free(*word);
        *word = strdup(s);
}

static char *asker(const JobRequest *request) {
        return request->unasked ? strdup(DEED_BY_DAEMON) : strprintf("%" PRIu32, request->uid);
}

/* First the changes for which it was made, then what was done, or not, and why. */
static char *join_message(const JobInfo *info) {
        const JobStatus *status = &info->status;
        const char *words = error_is_set(&status->error) ? status->error.message
                                                         : status->deed->message;
        _cleanup_free_ char *changes = strv_join(info->reasons, " ");

        return strprintf("%s%s%s", strempty(changes), isempty(changes) || isempty(words) ? "" : " ",
                         strempty(words));
}

static void complete(const JobInfo *info) {
        const ErrorCode code = info->status.error.code;
        Deed *deed = info->status.deed;
        char *message = join_message(info);

        free(deed->message);
        deed->message = message;
        free(deed->by);
        deed->by = asker(&info->request);
        set_word(&deed->type, job_type_to_string(info->request.type));
        set_word(&deed->result, job_result_to_string(info->status.result));
        set_word(&deed->error, error_code_to_string(code));
        deed->id = info->id;
        deed->start_usec = info->status.start_usec;
        deed->end_usec = realtime_usec();
}

static bool is_worth_it(const JobInfo *info) {
        JobType type = info->request.type;

        if (type == JOB_PROBE || type == JOB_PLAN)
                return false;
        return !info->request.unasked || info->status.result != JOB_RESULT_DONE ||
               deed_changed(info->status.deed);
}

static bool last_refresh_was_done(const History *h) {
        for (size_t i = h->n; i > 0; i--) {
                const HistoryEntry *e = &h->entries[i - 1];

                if (e->known && streq(e->deed.type, job_type_to_string(JOB_REFRESH)))
                        return streq(e->deed.result, job_result_to_string(JOB_RESULT_DONE));
        }
        return false;
}

/* A refresh with nothing to do writes nothing, here neither. */
static bool is_for_memory_alone(const Chronicle *c, const JobInfo *info) {
        return !c->damaged && info->request.type == JOB_REFRESH &&
               info->status.result == JOB_RESULT_DONE && !deed_changed(info->status.deed) &&
               strv_isempty(info->reasons) && last_refresh_was_done(&c->history);
}

void chronicle_end_job(Chronicle *c, const Job *job) {
        const JobInfo *info = job_info(job);
        bool store_it;
        int r;

        complete(info);
        if (!is_worth_it(info))
                return;
        r = read_again(c);
        store_it = !is_for_memory_alone(c, info);
        if (r >= 0)
                r = history_add(&c->history, info->status.deed);
        /* On a read-only system all is as it should be, too. */
        if (store_it)
                keep(c, r,
                     info->status.result != JOB_RESULT_DONE || deed_changed(info->status.deed));
}

void chronicle_note_pin(Chronicle *c, const KernelConf *conf, uid_t uid) {
        char by[12];
        int r;

        (void) snprintf(by, sizeof(by), "%" PRIu32, uid);
        r = read_again(c);
        if (r >= 0 && conf->pin)
                r = history_set_pin(&c->history, conf->pin, conf->pin_usec, by);
        keep(c, r, true);
}

const char *chronicle_pinned_by(const Chronicle *c, const KernelConf *conf) {
        const History *h = &c->history;

        return conf->pin && streq_ptr(h->pin_version, conf->pin) && h->pin_usec == conf->pin_usec
                               ? h->pin_by
                               : "";
}
