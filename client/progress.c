/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One line that is drawn over and over. It never wraps, or a redraw would leave its first half
 * behind, and it shows nothing at all where it could end up in a log. */

#include "client/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "client/output.h"
#include "common/string-util.h"

#define BAR_WIDTH 24

static bool is_wanted(void) {
        const char *term = getenv("TERM");

        return isatty(STDERR_FILENO) && !isempty(term) && !streq(term, "dumb");
}

static size_t terminal_columns(void) {
        struct winsize size;

        if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
                return 80;
        return size.ws_col;
}

void progress_draw(unsigned percent, const char *message) {
        static const char done[] = "########################", left[] = "........................";
        _cleanup_free_ char *clean = NULL, *cut = NULL;
        size_t columns = terminal_columns();
        int filled = (int) (MIN(percent, 100u) * BAR_WIDTH / 100);

        _Static_assert(sizeof(done) == BAR_WIDTH + 1 && sizeof(left) == BAR_WIDTH + 1,
                       "the bar's texts are as long as the bar");
        if (!is_wanted() || columns < BAR_WIDTH + 16)
                return;
        /* The bar with its brackets and "100 % " is 10 columns wider than BAR_WIDTH, a cut message
         * ends in three dots more, and the last column stays free. */
        clean = shown(message);
        cut = must(string_for_humans(clean, strlen(clean), columns - BAR_WIDTH - 14));
        (void) fprintf(stderr, "\r\033[K[%.*s%.*s] %3u %% %s", filled, done, BAR_WIDTH - filled,
                       left, MIN(percent, 100u), cut);
        (void) fflush(stderr);
}

void progress_clear(void) {
        if (is_wanted())
                (void) fputs("\r\033[K", stderr);
}
