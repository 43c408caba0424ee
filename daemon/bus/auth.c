/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Decides by the sender: the peer of a private connection started this daemon and could do without
 * it, root and whoever runs the daemon need nobody's leave, everybody else is polkit's to judge.
 *
 * Each question that polkit has been asked is kept with the message that waits for its answer. It
 * ends with the message: when its verdict is used, when the message comes by and does not
 * want it any more, or when the sender leaves, and then polkit is told to close the dialog. No
 * verdict is kept for a second call; whether a password is asked for again is polkit's to say.
 *
 * Fails closed: a sender who cannot be looked up is nobody, and no answer of polkit, or one that is
 * not understood, is a no. */

#include "bus/auth.h"

#include "bus/bus-util.h"
#include "bus/caller.h"
#include "bus/shared.h"
#include "bus/turn.h"
#include "common/log.h"
#include "common/names.h"
#include "common/string-util.h"

#define POLKIT_NAME      "org.freedesktop.PolicyKit1"
#define POLKIT_PATH      "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_INTERFACE "org.freedesktop.PolicyKit1.Authority"

/* CheckAuthorization: AllowUserInteraction */
#define POLKIT_FLAG_INTERACTION 1U

/* A stranger's text is shown in that dialog: 128 bytes, with the "..." of what was cut. */
#define DETAIL_MAX 125

typedef enum PolkitVerdict {
        VERDICT_OPEN,
        VERDICT_YES,
        VERDICT_NO,
        VERDICT_CHALLENGE, /* a password would help */
        VERDICT_FAILED,    /* polkit could not be asked */
} PolkitVerdict;

struct PolkitQuestion {
        PolkitQuestion *next;
        Bus *bus;
        sd_bus_message *message;
        char *action;
        char **details; /* key, value, … as they were sent */
        char *cancel_id;
        sd_bus_slot *call;       /* until polkit has answered */
        sd_event_source *unused; /* from then on */
        PolkitVerdict verdict;
};

static PolkitQuestion *question_free(PolkitQuestion *q) {
        if (!q)
                return NULL;
        sd_event_source_disable_unref(q->unused);
        sd_bus_slot_unref(q->call);
        sd_bus_message_unref(q->message);
        free(q->cancel_id);
        strv_free(q->details);
        free(q->action);
        return mfree(q);
}
DEFINE_CLEANUP(PolkitQuestion *, question_free)

/* Tell polkit that nobody waits for the answer any more. */
static void cancel(PolkitQuestion *q) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(q->bus->bus, &m, POLKIT_NAME, POLKIT_PATH,
                                           POLKIT_INTERFACE, "CancelCheckAuthorization");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", q->cancel_id);
        if (r >= 0)
                r = sd_bus_message_set_expect_reply(m, false);
        if (r >= 0)
                r = sd_bus_send(q->bus->bus, m, NULL);
        if (r < 0)
                log_debug("Cannot take a question to polkit back: %s", strerror(-r));
}

static void forget(PolkitQuestion *q) {
        for (PolkitQuestion **i = &q->bus->questions; *i; i = &(*i)->next)
                if (*i == q) {
                        *i = q->next;
                        break;
                }
        if (q->verdict == VERDICT_OPEN)
                cancel(q);
        caller_leave_place(q->bus, q->message, CALLER_ASKS_POLKIT);
        question_free(q);
}

static void forget_all(Bus *b) {
        while (b->questions)
                forget(b->questions);
}

static void forget_sender(Bus *b, const char *sender) {
        PolkitQuestion *next;

        for (PolkitQuestion *q = b->questions; q; q = next) {
                next = q->next;
                if (message_is_of(q->message, sender))
                        forget(q);
        }
}

/* The message has come by and nobody asked for the verdict: its object is gone, say. */
static int on_unused(sd_event_source *source, void *userdata) {
        forget(userdata);
        return 0;
}

static PolkitVerdict read_verdict(sd_bus_message *reply) {
        int authorised, challenge, r;

        if (sd_bus_message_is_method_error(reply, NULL)) {
                const sd_bus_error *error = sd_bus_message_get_error(reply);

                log_debug("polkit did not answer: %s: %s", error->name, strempty(error->message));
                return VERDICT_FAILED;
        }
        r = sd_bus_message_enter_container(reply, SD_BUS_TYPE_STRUCT, "bba{ss}");
        if (r > 0)
                r = sd_bus_message_read(reply, "bb", &authorised, &challenge);
        if (r <= 0) {
                log_debug("The answer of polkit cannot be understood.");
                return VERDICT_FAILED;
        }
        if (authorised)
                return VERDICT_YES;
        return challenge ? VERDICT_CHALLENGE : VERDICT_NO;
}

/* Have the handler called again. The idle source comes behind everything that the connection has
 * read so far, the message among it. */
static int dispatch_again(PolkitQuestion *q) {
        int r;

        r = sd_event_add_defer(q->bus->event, &q->unused, on_unused, q);
        if (r < 0)
                return r;
        r = sd_event_source_set_priority(q->unused, SD_EVENT_PRIORITY_IDLE);
        if (r < 0)
                return r;
        return turn_admit(q->bus, q->message);
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        PolkitQuestion *q = userdata;
        int r;

        q->verdict = read_verdict(reply);
        q->call = sd_bus_slot_unref(q->call);
        r = dispatch_again(q);
        if (r < 0) {
                (void) sd_bus_reply_method_errno(q->message, r, NULL);
                forget(q);
        }
        return 1;
}

/* The sentence of the dialog. polkit fills in the details; without a sentence of ours it takes the
 * one of the action. */
static const char *question_text(const char *action, char *const *details) {
        static const struct {
                const char *action, *key, *text;
        } texts[] = {
                { ACTION_PIN_KERNEL, "version", "Pin kernel $(version)?" },
                { ACTION_PIN_KERNEL, "scope", "Remove the pin of a kernel?" },
                { ACTION_MANAGE_KERNELS, "version", "Change whether kernel $(version) is kept?" },
                { ACTION_FORMAT_ESP, "device",
                  "Format $(device) ($(size), $(content)) on the disk $(disk)?" },
                { ACTION_MANAGE_ESP, "device",
                  "Set up $(device) ($(size), $(content)) on the disk $(disk) as an EFI System "
                  "Partition?" },
                { ACTION_MANAGE_ESP, "esp", "Take ESP $(esp) off the list of those kept in sync?" },
                { ACTION_CONVERT_SECURE_BOOT, "esps",
                  "Go on with the conversion to Secure Boot (shim and GRUB on these ESPs: "
                  "$(esps))?" },
                { ACTION_KSM_CONTROL, "job", "Change how pages are merged ($(job))?" },
                { ACTION_REFRESH, "job", "Cancel somebody else's job ($(job))?" },
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                if (streq(texts[i].action, action) && !strv_isempty(details) &&
                    streq(texts[i].key, details[0]))
                        return texts[i].text;
        return NULL;
}

static int copy_details(const char *const *details, char ***ret) {
        _cleanup_strv_ char **copy = NULL;

        for (; details && details[0]; details += 2) {
                if (strv_extend(&copy, details[0]) < 0 ||
                    strv_consume(&copy,
                                 string_for_humans(details[1], strlen(details[1]), DETAIL_MAX)) < 0)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(copy);
        return 0;
}

static int append_details(sd_bus_message *call, const PolkitQuestion *q) {
        const char *text = question_text(q->action, q->details);
        int r;

        r = sd_bus_message_open_container(call, SD_BUS_TYPE_ARRAY, "{ss}");
        for (char **i = q->details; r >= 0 && i && *i; i += 2)
                r = sd_bus_message_append(call, "{ss}", i[0], i[1]);
        if (r >= 0 && text)
                r = sd_bus_message_append(call, "{ss}", "polkit.message", text);
        return r < 0 ? r : sd_bus_message_close_container(call);
}

static int send_question(PolkitQuestion *q) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        uint32_t flags = 0;
        int r;

        if (sd_bus_message_get_allow_interactive_authorization(q->message) > 0)
                flags |= POLKIT_FLAG_INTERACTION;

        r = sd_bus_message_new_method_call(q->bus->bus, &call, POLKIT_NAME, POLKIT_PATH,
                                           POLKIT_INTERFACE, "CheckAuthorization");
        if (r < 0)
                return r;
        r = sd_bus_message_append(call, "(sa{sv})s", "system-bus-name", 1, "name", "s",
                                  sd_bus_message_get_sender(q->message), q->action);
        if (r < 0)
                return r;
        r = append_details(call, q);
        if (r < 0)
                return r;
        r = sd_bus_message_append(call, "us", flags, q->cancel_id);
        if (r < 0)
                return r;
        /* Somebody may be looking for a password. */
        return sd_bus_call_async(q->bus->bus, &q->call, call, on_answer, q, UINT64_MAX);
}

/* Takes @details over in any case. */
static int ask(Bus *b, sd_bus_message *m, const char *action, char **details) {
        _cleanup_(question_freep) PolkitQuestion *q = NULL;
        int r;

        q = malloc(sizeof(*q));
        if (!q) {
                strv_free(details);
                return -ENOMEM;
        }
        *q = (PolkitQuestion){
                .next = b->questions,
                .bus = b,
                .message = sd_bus_message_ref(m),
                .action = strdup(action),
                .details = details,
                .cancel_id = strprintf("question-%llu", (unsigned long long) ++b->n_asked),
        };
        if (!q->action || !q->cancel_id)
                return -ENOMEM;

        r = send_question(q);
        if (r < 0)
                return r;

        caller_take_place(b, m, CALLER_ASKS_POLKIT);
        b->questions = TAKE_PTR(q);
        return 0;
}

/* The verdict for @m; VERDICT_OPEN if there is none for just this. */
static PolkitVerdict take_verdict(Bus *b, sd_bus_message *m, const char *action,
                                  char *const *details) {
        for (PolkitQuestion *q = b->questions; q; q = q->next) {
                PolkitVerdict verdict = q->verdict;

                if (q->message != m)
                        continue;
                if (!streq(q->action, action) || !strv_equal(q->details, details))
                        verdict = VERDICT_OPEN;
                forget(q);
                return verdict;
        }
        return VERDICT_OPEN;
}

static int refuse(sd_bus_error *error, sd_bus_message *m, const char *action,
                  PolkitVerdict verdict) {
        static const char *const reasons[] = {
                [VERDICT_OPEN] = "",
                [VERDICT_YES] = "",
                [VERDICT_NO] = "which polkit does not give",
                [VERDICT_CHALLENGE] = "which needs a password; the call did not allow to ask for "
                                      "one, or there is nobody to ask",
                [VERDICT_FAILED] = "and polkit cannot be asked for it; root does not need it",
        };

        return sd_bus_error_setf(error,
                                 verdict == VERDICT_CHALLENGE
                                                 ? SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED
                                                 : SD_BUS_ERROR_ACCESS_DENIED,
                                 "%s needs the authorisation '%s', %s.",
                                 sd_bus_message_get_member(m), action, reasons[verdict]);
}

/* Like bus_authorise(), for a sender whom only polkit can authorise. Never waits for
 * polkit: the first call sends the question and returns 0. When polkit has answered, @m is
 * dispatched again, and the call that follows finds the verdict and uses it up. It holds for the
 * same message, action and details only. What cannot be asked is refused (AccessDenied), as is one
 * question too many of @caller, the sender (LimitsExceeded, see caller.h); a password
 * that was needed and not allowed to be asked for is InteractiveAuthorizationRequired. */
static int polkit_authorise(Bus *b, sd_bus_message *m, Caller *caller, const char *action,
                            const char *const *details, sd_bus_error *error) {
        _cleanup_strv_ char **copy = NULL;
        PolkitVerdict verdict;
        int r;

        assert(b);
        assert(m);
        assert(action);

        r = copy_details(details, &copy);
        if (r < 0)
                return r;
        verdict = take_verdict(b, m, action, copy);
        if (verdict == VERDICT_YES)
                return 1;
        if (verdict != VERDICT_OPEN)
                return refuse(error, m, action, verdict);

        r = caller_find_place(caller, CALLER_ASKS_POLKIT, sd_bus_message_get_member(m), error);
        if (r < 0)
                return r;
        r = ask(b, m, action, TAKE_PTR(copy));
        if (r < 0) {
                log_debug("Cannot ask polkit: %s", strerror(-r));
                return refuse(error, m, action, VERDICT_FAILED);
        }
        return 0;
}

int bus_authorise(Bus *b, sd_bus_message *m, const char *action, const char *const *details,
                  uid_t *ret_uid, sd_bus_error *error) {
        Caller *caller;
        int r;

        assert(b);
        assert(m);
        assert(action);

        r = caller_of(b, m, &caller, error);
        if (r <= 0)
                return r;
        /* The call may want to wait for its job, and must not have begun one then. */
        r = caller_find_place(caller, CALLER_WAITS_FOR_JOB, sd_bus_message_get_member(m), error);
        if (r < 0)
                return r;
        r = 1;
        if (!caller_info(caller).is_privileged)
                r = polkit_authorise(b, m, caller, action, details, error);
        if (r > 0 && ret_uid)
                *ret_uid = caller_info(caller).uid;
        return r;
}

const BusPart bus_questions = { .sender_left = forget_sender, .all_left = forget_all };
