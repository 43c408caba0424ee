# SPDX-License-Identifier: LGPL-2.1-or-later
# bash completion for bootctl-pve. Kernels, ESPs and settings come from files, partitions from lsblk:
# asking the daemon for each press of a key could start one.

# Lines of a list file below the root, without comments, blanks and carriage returns.
__bootctl_pve_lines() {
        sed -n 's/[[:space:]]*$//; /^[0-9A-Za-z]/p' "$1$2" 2>/dev/null
}

__bootctl_pve_kernels() {
        local file
        for file in "$1"/boot/vmlinuz-*; do
                [[ -e $file ]] && printf '%s\n' "${file##*/vmlinuz-}"
        done
}

__bootctl_pve_partitions() {
        lsblk -rpno NAME,TYPE 2>/dev/null | sed -n 's/ part$//p'
}

# "KEY=" of what can be set. "run" is not: it is for enable and disable.
__bootctl_pve_settings() {
        find "$1/sys/kernel/mm/ksm" -perm -200 -type f ! -name run -printf '%f=\n' 2>/dev/null
}

# Numbers of jobs that run or wait, if the daemon is there: it is not started for that.
__bootctl_pve_jobs() {
        busctl --auto-start=no --timeout=1 --list tree org.bootsync1 2>/dev/null |
                sed -n 's|^/org/bootsync1/job/||p'
}

# Columns of the verb on the command line.
__bootctl_pve_columns() {
        case " ${COMP_WORDS[*]} " in
        *' kernel list '*) echo version state boots kept-as bootable ;;
        *' esp candidates '*)
                echo device size usable holds in-use model serial disk partuuid label free why next
                ;;
        *' esp list '*)
                echo uuid partuuid device disk loader state free last-sync last-verify present \
                        one-shot kernels default size last-error why action
                ;;
        esac
}

# The directory of --root among the words so far. "=" is a word of its own, see COMP_WORDBREAKS.
__bootctl_pve_root() {
        local i word
        for ((i = 1; i < COMP_CWORD; i++)); do
                word=${COMP_WORDS[i]}
                case $word in
                --root=*) printf '%s' "${word#--root=}" ;;
                --root)
                        [[ ${COMP_WORDS[i + 1]} == = ]] && ((i++))
                        printf '%s' "${COMP_WORDS[i + 1]}"
                        ;;
                esac
        done
}

_bootctl_pve() {
        local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
        local list_dir=/etc/kernel root options i word is_value=
        local globals='--json --root= --host= -H -y --yes --no-refresh --quiet -q --full --no-legend
                --no-pager --help --version'
        local -a verb=()

        COMPREPLY=()
        root=$(__bootctl_pve_root)

        # "--esp=X" arrives as three words.
        if [[ $current == = ]]; then
                current=
                is_value=yes
        elif [[ $previous == = ]]; then
                previous=${COMP_WORDS[COMP_CWORD - 2]}
                is_value=yes
        fi
        case $previous in
        --json)
                if [[ $is_value ]]; then
                        mapfile -t COMPREPLY < <(compgen -W 'short pretty' -- "$current")
                        return
                fi
                ;;
        --output)
                mapfile -t COMPREPLY < <(compgen -W "$(__bootctl_pve_columns)" -- "$current")
                return
                ;;
        --root)
                mapfile -t COMPREPLY < <(compgen -d -- "$current")
                return
                ;;
        --host | -H)
                mapfile -t COMPREPLY < <(compgen -A hostname -- "$current")
                return
                ;;
        --report)
                mapfile -t COMPREPLY < <(compgen -f -- "$current")
                return
                ;;
        --esp)
                mapfile -t COMPREPLY < <(compgen -W \
                        "$(__bootctl_pve_lines "$root" $list_dir/proxmox-boot-uuids)" -- "$current")
                return
                ;;
        --new-kernel)
                mapfile -t COMPREPLY < <(compgen -W \
                        "$(__bootctl_pve_kernels "$root")" -- "$current")
                return
                ;;
        esac

        # The words of the verb: what is neither an option nor an option's value.
        for ((i = 1; i < COMP_CWORD; i++)); do
                word=${COMP_WORDS[i]}
                case $word in
                --json) [[ ${COMP_WORDS[i + 1]-} == = ]] && ((i += 2)) ;;
                --root | --host | --esp | --new-kernel | --lines | --output | --report | -H | -n)
                        ((i++))
                        [[ ${COMP_WORDS[i]} == = ]] && ((i++))
                        ;;
                -*) ;;
                *) verb+=("$word") ;;
                esac
        done

        if [[ $current == -* ]]; then
                options=$globals
                case ${verb[*]} in
                refresh) options+=' --dry-run --verbose --esp= --new-kernel= --no-block' ;;
                verify) options+=' --esp= --no-block' ;;
                format*) options+=' --force --no-block' ;;
                'esp remove'*) options+=' --force' ;;
                init* | reinit | 'kernel add'* | 'kernel remove'*) options+=' --no-block' ;;
                'ksm enable' | 'ksm set'* | 'secure-boot convert') options+=' --no-block' ;;
                'kernel list' | 'esp list' | 'esp candidates') options+=' --output=' ;;
                clean | alert*) options+=' --dry-run' ;;
                doctor) options+=' --report= --force' ;;
                history) options+=' --lines= -n' ;;
                logs*) options+=' --follow' ;;
                'ksm disable') options+=' --unmerge --force --no-block' ;;
                'ksm unmerge') options+=' --force --no-block' ;;
                'kernel pin'* | 'kernel unpin') options+=' --next-boot --no-block' ;;
                esac
                mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
                [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
                return
        fi

        options=
        case ${verb[*]} in
        '')
                options='status doctor refresh verify format init reinit clean kernel esp boot secure-boot ksm history cancel logs'
                options+=' monitor check metrics alert help'
                ;;
        format | init) options=$(__bootctl_pve_partitions) ;;
        'init '*) [[ ${#verb[@]} -eq 2 ]] && options='grub systemd-boot' ;;
        cancel) options=$(__bootctl_pve_jobs) ;;
        logs) options="refresh verify format init reinit convert $(__bootctl_pve_jobs)" ;;
        help)
                options='status doctor refresh verify format init reinit clean kernel esp boot secure-boot ksm history cancel logs'
                options+=' monitor check metrics alert'
                ;;
        alert) options='degraded unbootable unknown redundant single unmanaged' ;;
        metrics)
                mapfile -t COMPREPLY < <(compgen -f -- "$current")
                return
                ;;
        'help kernel' | kernel) options='add remove list pin unpin' ;;
        'help esp' | esp) options='list candidates remove' ;;
        'esp remove')
                options=$(__bootctl_pve_lines "$root" $list_dir/proxmox-boot-uuids)
                ;;
        'help boot' | boot) options='status' ;;
        'help secure-boot' | secure-boot) options='status plan convert' ;;
        'help ksm' | ksm) options='status enable disable unmerge set' ;;
        'ksm set'*) [[ $is_value ]] || options=$(__bootctl_pve_settings "$root") ;;
        'kernel add' | 'kernel pin') options=$(__bootctl_pve_kernels "$root") ;;
        'kernel remove')
                options=$(__bootctl_pve_lines "$root" $list_dir/proxmox-boot-manual-kernels)
                ;;
        esac
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
        [[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace 2>/dev/null
        return 0
}

complete -F _bootctl_pve bootctl-pve
