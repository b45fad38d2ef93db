"""Untrusted side: the system calls that a worker may not make, through libseccomp.

A deny list on purpose: torch, numpy and the interpreter keep what they need, also in their next versions. Denied
is every way to another process, to the network, to new privileges, and the families that Landlock does not cover.
"""

from __future__ import annotations

import errno
import os

from grader.student import kernel

CLONE_THREAD = 0x00010000
TIOCSTI, TIOCLINUX = 0x5412, 0x541C
PR_SET_PTRACER, PR_SET_SECCOMP = 0x59616D61, 22

DENIED = [
    "execve",
    "execveat",
    "fork",
    "vfork",
    "setsid",
    "setpgid",
    "socket",
    "socketpair",
    "connect",
    "bind",
    "listen",
    "accept",
    "accept4",
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "process_madvise",
    "process_mrelease",
    "kcmp",
    "pidfd_open",
    "pidfd_getfd",
    "pidfd_send_signal",
    "kill",
    "tkill",
    "rt_sigqueueinfo",
    "rt_tgsigqueueinfo",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "mount",
    "umount",
    "umount2",
    "pivot_root",
    "chroot",
    "move_mount",
    "open_tree",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "mount_setattr",
    "unshare",
    "setns",
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "memfd_secret",
    "keyctl",
    "add_key",
    "request_key",
    "kexec_load",
    "kexec_file_load",
    "init_module",
    "finit_module",
    "delete_module",
    "reboot",
    "swapon",
    "swapoff",
    "sethostname",
    "setdomainname",
    "iopl",
    "ioperm",
    "quotactl",
    "quotactl_fd",
    "acct",
    "syslog",
    "vhangup",
    "nfsservctl",
    "lookup_dcookie",
    "settimeofday",
    "clock_settime",
    "clock_settime64",
    "clock_adjtime",
    "adjtimex",
    "stime",
    "chmod",
    "fchmod",
    "fchmodat",
    "fchmodat2",
    "chown",
    "lchown",
    "fchown",
    "fchownat",
    "utime",
    "utimes",
    "utimensat",
    "futimesat",
    "utimensat_time64",
    "setxattr",
    "lsetxattr",
    "fsetxattr",
    "removexattr",
    "lremovexattr",
    "fremovexattr",
    "setxattrat",
    "removexattrat",
    "link",
    "linkat",
    "mknod",
    "mknodat",
    "name_to_handle_at",
    "open_by_handle_at",
    "setuid",
    "setgid",
    "setreuid",
    "setregid",
    "setresuid",
    "setresgid",
    "setfsuid",
    "setfsgid",
    "setgroups",
    "capset",
    "personality",
    "shmget",
    "shmat",
    "shmctl",
    "msgget",
    "msgsnd",
    "msgrcv",
    "msgctl",
    "semget",
    "semop",
    "semctl",
    "semtimedop",
    "mq_open",
    "mq_unlink",
    "seccomp",
    "landlock_create_ruleset",
    "landlock_add_rule",
    "landlock_restrict_self",
    "setpriority",
    "ioprio_set",
    "sched_setscheduler",
    "sched_setattr",
    "fanotify_init",
    "migrate_pages",
    "move_pages",
]

PRCTL_DENIED = (
    kernel.PR_SET_DUMPABLE,
    kernel.PR_SET_PDEATHSIG,
    kernel.PR_SET_CHILD_SUBREAPER,
    PR_SET_PTRACER,
    PR_SET_SECCOMP,
)


def load_library() -> str | None:
    """Load libseccomp now (in the zygote). Returns None, or why it cannot be used."""
    try:
        import pyseccomp  # noqa: F401
    except ImportError:
        return "the package pyseccomp is not installed"
    except (RuntimeError, OSError, AttributeError):
        return "libseccomp.so.2 is not on this machine (Debian and Ubuntu: apt-get install libseccomp2)"
    return None


def install() -> None:
    """Restrict this process for good. Raises OSError when the kernel refuses."""
    import pyseccomp as libseccomp

    deny = libseccomp.ERRNO(errno.EPERM)
    rules = libseccomp.SyscallFilter(libseccomp.ALLOW)
    rules.set_attr(libseccomp.Attr.CTL_OPTIMIZE, 2) if hasattr(libseccomp.Attr, "CTL_OPTIMIZE") else None
    for name in DENIED:
        _add(rules, deny, name)
    _add(rules, libseccomp.ERRNO(errno.ENOSYS), "clone3")
    no_thread = libseccomp.Arg(0, libseccomp.MASKED_EQ, CLONE_THREAD, 0)
    _add(rules, deny, "clone", no_thread)
    _add(rules, deny, "tgkill", libseccomp.Arg(0, libseccomp.NE, os.getpid()))
    for option in PRCTL_DENIED:
        _add(rules, deny, "prctl", libseccomp.Arg(0, libseccomp.MASKED_EQ, 0xFFFFFFFF, option))
    _add(rules, deny, "prlimit64", libseccomp.Arg(0, libseccomp.NE, 0))
    for request in (TIOCSTI, TIOCLINUX):
        _add(rules, deny, "ioctl", libseccomp.Arg(1, libseccomp.MASKED_EQ, 0xFFFFFFFF, request))
    rules.load()


def _add(rules: object, action: int, name: str, *args: object) -> None:
    import pyseccomp as libseccomp

    try:
        libseccomp.resolve_syscall(libseccomp.system_arch(), name)
        rules.add_rule(action, name, *args)  # type: ignore[attr-defined]
    except (OSError, ValueError, RuntimeError):
        return  # this architecture or this libseccomp does not know the call
