package evidence

import "strings"

// MarkKind is what a line of a console's log tells of.
type MarkKind string

// The kinds of lines that say why a guest hangs.
const (
	MarkPanic       MarkKind = "panic"         // the kernel crashed
	MarkLockup      MarkKind = "lockup"        // a CPU that does not come back, or is not heard of
	MarkHungTask    MarkKind = "hung-task"     // a task that waits for ever, mostly for a disk
	MarkOutOfMemory MarkKind = "out-of-memory" // the kernel killed a process for its memory
	MarkIOError     MarkKind = "io-error"      // a disk or a file system failed
	MarkReadOnly    MarkKind = "read-only"     // a file system takes no more writes
)

// Mark is a line of a log that says why a guest hangs.
type Mark struct {
	Kind MarkKind
	Line int // from 1
	Text string
}

// wordings are what the Linux kernel prints, in the order in which they are looked for: a line has
// one mark. All texts of a wording must be in the line, in this order.
//
// Sources: kernel/panic.c, lib/bug.c, arch/*/mm/fault.c, arch/*/kernel/traps.c, kernel/watchdog*.c,
// kernel/rcu/tree_stall.h, kernel/hung_task.c, mm/oom_kill.c, block/blk-core.c, fs/buffer.c,
// fs/ext4/super.c, fs/jbd2/journal.c, fs/xfs/xfs_fsops.c, fs/btrfs/messages.c, and older releases'
// forms of them.
var wordings = []struct {
	kind  MarkKind
	texts []string
}{
	{MarkPanic, []string{"Kernel panic - not syncing"}},
	{MarkPanic, []string{"kernel BUG at "}},
	{MarkPanic, []string{"BUG: unable to handle "}},
	{MarkPanic, []string{"BUG: kernel NULL pointer dereference"}},
	{MarkPanic, []string{"Unable to handle kernel ", " at virtual address "}},
	{MarkPanic, []string{"general protection fault", "[#"}},
	{MarkPanic, []string{"Oops: ", "[#"}},
	{MarkPanic, []string{"divide error: ", "[#"}},
	{MarkPanic, []string{"invalid opcode: ", "[#"}},

	{MarkLockup, []string{"BUG: soft lockup - CPU#"}},
	{MarkLockup, []string{"hard LOCKUP on cpu"}},
	{MarkLockup, []string{"self-detected stall on CPU"}},
	{MarkLockup, []string{"detected stalls on CPUs/tasks"}},
	{MarkLockup, []string{"detected expedited stalls on CPUs/tasks"}},
	{MarkLockup, []string{"kthread starved for ", " jiffies"}},

	{MarkHungTask, []string{"INFO: task ", " blocked for more than ", " seconds"}},
	{MarkHungTask, []string{"INFO: task ", " blocked in I/O wait for more than ", " seconds"}},

	{MarkOutOfMemory, []string{"invoked oom-killer:"}},
	{MarkOutOfMemory, []string{"ut of memory: Kill"}}, // Out of, or "Memory cgroup out of"
	{MarkOutOfMemory, []string{"oom-kill:constraint="}},
	{MarkOutOfMemory, []string{"oom_reaper: reaped process "}},

	{MarkReadOnly, []string{"Remounting filesystem read-only"}},
	{MarkReadOnly, []string{"Aborting journal on device "}},
	{MarkReadOnly, []string{"XFS (", "hutting down filesystem"}},
	{MarkReadOnly, []string{"XFS (", "ilesystem has been shut down"}},
	{MarkReadOnly, []string{"BTRFS ", "forced readonly"}},

	{MarkIOError, []string{"I/O error, dev "}},
	{MarkIOError, []string{"I/O error on dev"}}, // dev or device
	{MarkIOError, []string{"critical ", " error, dev "}},
	{MarkIOError, []string{"XFS (", "metadata I/O error"}},
	{MarkIOError, []string{"XFS (", "orruption detected"}},
	{MarkIOError, []string{"EXT4-fs error (device "}},
	{MarkIOError, []string{"EXT3-fs error (device "}},
	{MarkIOError, []string{"EXT2-fs error (device "}},
	{MarkIOError, []string{"BTRFS error (device "}},
	{MarkIOError, []string{"BTRFS critical (device "}},
	{MarkIOError, []string{"nvme", ": I/O ", " timeout, "}},
}

// Marks returns the lines of a cleaned log that tell of a kernel's panics, lockups, hung tasks and
// memory kills, and of disks and file systems that failed. They are what Linux says; a program can
// write the same.
func Marks(log string) []Mark {
	var marks []Mark
	number := 0
	for line := range strings.Lines(log) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if kind, is := markOf(line); is {
			marks = append(marks, Mark{Kind: kind, Line: number, Text: line})
		}
	}
	return marks
}

func markOf(line string) (MarkKind, bool) {
wording:
	for _, w := range wordings {
		rest := line
		for _, text := range w.texts {
			_, after, found := strings.Cut(rest, text)
			if !found {
				continue wording
			}
			rest = after
		}
		return w.kind, true
	}
	return "", false
}
