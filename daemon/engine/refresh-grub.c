/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GRUB on a host without synced ESPs: what is pinned is the default of the host's own menu, and
 * what is pinned for one boot is GRUB's next_entry where GRUB can clear that. The files are the
 * truth here, too: a snippet that is not in the menu yet, whatever came between, is found by the
 * next refresh, which makes the menu again. A menu that is not grub-mkconfig's is left alone, and
 * so is one that has every kernel and the right default: what the administrator changes in
 * etc/default is taken into it by his own update-grub.
 */

#include "common/log.h"
#include "common/names.h"
#include "common/string-util.h"
#include "core/boot-entry.h"
#include "core/grub-pin.h"
#include "engine/refresh-part.h"
#include "sys/grub-conf.h"
#include "sys/host-grub.h"

static const ErrandListener update_listener;

static void settle(Refresh *refresh) {
        refresh->host_settled = true;
        refresh_advance(refresh);
}

static int refuse(Refresh *refresh, int r, const char *what) {
        return error_set_errno(&refresh->host_error, r, "Cannot %s", what);
}

static const char *default_version(const Refresh *refresh) {
        return refresh_default_version(refresh, refresh->input.grub_one_shot);
}

static int load_menu(Refresh *refresh, HostMenu *ret) {
        int r = host_grub_load_menu(refresh->config->root, ret);

        return r < 0 ? refuse(refresh, r, "read '/" PATH_GRUB_MENU "'") : 0;
}

/* What no menu could do for the pin. */
static int check_pin(Refresh *refresh, const HostMenu *menu, const char *version) {
        const Kernel *kernel = kernel_set_find(&refresh->input.kernels, version);

        if (!kernel || !kernel_is_bootable(kernel))
                return error_set(&refresh->host_error, ERROR_NOT_BOOTABLE,
                                 "The pinned kernel '%s' cannot be booted, so another one is the "
                                 "default of GRUB; pin another kernel or unpin",
                                 version);
        if (!menu->root_id)
                return error_set(&refresh->host_error, ERROR_NOT_SUPPORTED,
                                 "Kernel '%s' cannot be pinned in '/" PATH_GRUB_MENU "', which has "
                                 "no submenu of kernels as grub-mkconfig makes it; look for "
                                 "GRUB_DISABLE_SUBMENU in '/" PATH_GRUB_CONF "'",
                                 version);
        return 0;
}

/* 1 if GRUB's configuration has changed, or (in a plan) is to be, 0 if not. */
static int configure_pin(Refresh *refresh, const char *version, const char *root_id) {
        if (job_get_type(refresh->job) == JOB_PLAN)
                return grub_conf_pin_differs(refresh->config->root, version, root_id);
        return version ? refresh->listener->pin_grub(version, root_id, refresh->userdata)
                       : refresh->listener->void_grub_pin(refresh->userdata);
}

/* 1 if grub-mkconfig has to make the menu anew, 0 if not. */
static int prepare(Refresh *refresh) {
        const char *wanted = default_version(refresh), *once = refresh->input.next_boot;
        _cleanup_(host_menu_done) HostMenu menu = {};
        int r;

        r = load_menu(refresh, &menu);
        if (r >= 0 && wanted)
                r = check_pin(refresh, &menu, wanted);
        if (r >= 0 && once)
                r = check_pin(refresh, &menu, once);
        if (r < 0)
                return r;

        r = configure_pin(refresh, wanted, menu.root_id);
        if (r < 0)
                return refuse(refresh, r, "update '/" PATH_GRUB_PIN "'");
        return r > 0 || (menu.root_id && host_menu_lacks(&menu, &refresh->input.kernels)) ||
               (wanted && !streq_ptr(menu.default_version, wanted));
}

static int check_menu(Refresh *refresh, const HostMenu *menu) {
        const char *wanted = default_version(refresh);
        const char *missing = menu->root_id ? host_menu_lacks(menu, &refresh->input.kernels) : NULL;

        if (missing)
                return error_set(&refresh->host_error, ERROR_FAILED,
                                 "grub-mkconfig makes no entry for kernel '%s'; look at the "
                                 "scripts in '/etc/grub.d'",
                                 missing);
        if (wanted && !streq_ptr(menu->default_version, wanted))
                return error_set(&refresh->host_error, ERROR_FAILED,
                                 "The menu of GRUB has the pinned kernel '%s', but another "
                                 "default; look for GRUB_DEFAULT and GRUB_DISABLE_SUBMENU in "
                                 "'/" PATH_GRUB_CONF "'",
                                 wanted);
        return 0;
}

/* True if @value of next_entry is what we have armed and do not want any more; what somebody else
 * has armed stays. */
static bool is_to_be_disarmed(const Refresh *refresh, const char *value) {
        _cleanup_free_ char *version = NULL, *path = NULL;

        if (!refresh->input.disarm || isempty(value) || grub_entry_id_version(value, &version) < 0)
                return false;
        path = esp_entry_path(version);
        return path && endswith(path, refresh->input.disarm);
}

/* A kernel is armed once in a boot, so that one which GRUB has taken is not taken again. */
static int arm(Refresh *refresh, const HostMenu *menu) {
        const RefreshInput *input = &refresh->input;
        const Root *root = refresh->config->root;
        _cleanup_free_ char *value = NULL, *id = NULL;
        int r;

        if (!input->grub_one_shot || !(input->arm || input->disarm))
                return 0;
        if (input->arm) {
                r = check_pin(refresh, menu, input->next_boot);
                if (r < 0)
                        return r;
                id = grub_entry_id(input->next_boot, menu->root_id);
                if (!id)
                        return -ENOMEM;
        }
        r = host_grub_get_next(root, &value);
        if (r >= 0 && (id || is_to_be_disarmed(refresh, value)))
                r = host_grub_set_next(root, id);
        if (r < 0)
                return refuse(refresh, r,
                              "tell GRUB in '/" PATH_GRUB_DIR "/grubenv' what to boot once");
        refresh->listener->armed(id ? input->next_boot : NULL, refresh->userdata);
        return 0;
}

/* The menu is as good as it gets. */
static void finish(Refresh *refresh) {
        _cleanup_(host_menu_done) HostMenu menu = {};
        int r;

        r = load_menu(refresh, &menu);
        if (r >= 0)
                r = check_menu(refresh, &menu);
        if (r >= 0 && !default_version(refresh)) {
                r = refresh->listener->pin_grub(NULL, NULL, refresh->userdata);
                if (r < 0)
                        (void) refuse(refresh, r, "remove '/" PATH_GRUB_PIN "'");
        }
        if (r >= 0)
                r = arm(refresh, &menu);
        if (r < 0)
                (void) refuse(refresh, r, "bring GRUB's menu up to date");
        settle(refresh);
}

static int update(Refresh *refresh) {
        plan_free(refresh->host_plan);
        refresh->host_plan = NULL;
        if (plan_new_host(&refresh->host_plan) < 0 ||
            !plan_add(refresh->host_plan, PLAN_UPDATE_GRUB, NULL))
                return -ENOMEM;
        refresh_say(refresh, "running grub-mkconfig");
        return errand_new(refresh->event, refresh->config, refresh->host_plan, &update_listener,
                          refresh, &refresh->host_errand, &refresh->host_error);
}

/* What stands in the way is no failure of a job that is only to say so. */
static int make_plan(Refresh *refresh, bool outdated, Plan **ret) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        int r;

        r = plan_new_host(&plan);
        if (r < 0)
                return r;
        if (error_is_set(&refresh->host_error)) {
                plan->problem = strdup(strempty(refresh->host_error.message));
                if (!plan->problem)
                        return -ENOMEM;
                plan->problem_code = (int) refresh->host_error.code;
                error_done(&refresh->host_error);
        } else if (outdated && !plan_add(plan, PLAN_UPDATE_GRUB, "/" PATH_GRUB_MENU))
                return -ENOMEM;

        *ret = TAKE_PTR(plan);
        return 0;
}

/* @r as returned by prepare(). */
static void only_plan(Refresh *refresh, int r) {
        Plan *plan = NULL;

        r = make_plan(refresh, r > 0, &plan);
        if (r >= 0)
                r = job_add_plan(refresh->job, plan);
        if (r < 0)
                (void) refuse(refresh, r, "plan for GRUB's menu");
        settle(refresh);
}

static void carry_out(Refresh *refresh, int r) {
        if (r == 0) {
                finish(refresh);
                return;
        }
        if (r > 0)
                r = update(refresh);
        if (r < 0) {
                (void) refuse(refresh, r, "bring GRUB's menu up to date");
                settle(refresh);
        }
}

void refresh_start_grub(Refresh *refresh) {
        JobType type = job_get_type(refresh->job);

        if (!refresh->input.grub_host || refresh->n_parts > 0 ||
            (type != JOB_REFRESH && type != JOB_PLAN)) {
                settle(refresh);
                return;
        }
        if (refresh->canceled) {
                (void) error_set(&refresh->host_error, ERROR_CANCELED, "The job was canceled");
                settle(refresh);
        } else if (type == JOB_PLAN)
                only_plan(refresh, prepare(refresh));
        else
                carry_out(refresh, prepare(refresh));
}

static void on_report(Report *report, void *userdata) {
}

static void on_updated(const Error *error, void *userdata) {
        Refresh *refresh = userdata;

        (void) error_copy(&refresh->host_error, error);
        refresh->host_errand = errand_free(refresh->host_errand);
        if (error_is_set(&refresh->host_error))
                settle(refresh);
        else
                finish(refresh);
}

static void on_updated_in_vain(Task *task, pid_t holder, const Error *error, void *userdata) {
        Refresh *refresh = userdata;

        refresh->listener->host_stuck(task, holder, refresh->userdata);
        on_updated(error, refresh);
}

static const ErrandListener update_listener = {
        .on_report = on_report,
        .on_end = on_updated,
        .on_stuck = on_updated_in_vain,
};
