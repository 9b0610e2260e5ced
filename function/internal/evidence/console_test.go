package evidence

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestCleanConsole(t *testing.T) {
	long := strings.Repeat("x", mostLine)
	for _, row := range []struct{ raw, want, why string }{
		{"", "", "nothing"},
		{"\r\n\n\r\r\n", "", "nothing but line breaks"},
		{"a", "a\n", "a line that does not end"},
		{"a\nb\n", "a\nb\n", "as it should be"},
		{"\n\na\n\nb\n\n\n", "\n\na\n\nb\n", "empty lines, but none at the end"},
		{"a\r\nb\r\r\nc\rd\n\re", "a\nb\nc\nd\n\ne\n", "every kind of line break"},
		{"a\tb  c", "a\tb  c\n", "tabs and spaces stay"},
		{"\x1b[31mred\x1b[0m\x1b]0;title\x07", `\x1b[31mred\x1b[0m\x1b]0;title\x07` + "\n",
			"escape sequences are text"},
		{"\x00\x7f\x9b\xff", `\x00\x7f\x9b\xff` + "\n", "control characters, and no UTF-8"},
		{"\xc3\x28 \xed\xa0\x80 \xf4\x90\x80\x80", `\xc3( \xed\xa0\x80 \xf4\x90\x80\x80` + "\n",
			"half a character, a surrogate, and one beyond the last"},
		{"重启 é \ufffd 😀", "重启 é \ufffd 😀\n", "what can be shown, and a character that says that " +
			"another cannot be"},
		{"\u0085\u009b1m", `\u0085\u009b1m` + "\n", "control characters of 8 bits"},
		{"\u202egnp.exe\u2066\u200b\ufeff\u2028\U000e0001",
			`\u202egnp.exe\u2066\u200b\ufeff\u2028\U000e0001` + "\n",
			"what turns a line, or hides"},
		{"\x00\x00\x00\x00", `\x00\x00\x00\x00` + "\n", "four of the same"},
		{"\x00\x00\x00\x00\x00[1.0] Linux", `\x00{5}[1.0] Linux` + "\n", "five of them"},
		{strings.Repeat("\x00", 100_000) + "panic", `\x00{100000}panic` + "\n",
			"what comes after a page of zeros is seen"},
		{strings.Repeat("\u200b", 7), `\u200b{7}` + "\n", "as many bytes each"},
		{`C:\Windows \x1b`, `C:\Windows \x1b` + "\n", "backslashes stay"},
		{"<script>&amp;", "<script>&amp;\n", "markup is for whoever shows it"},
		{long, long + "\n", "as long as a line may be"},
		{long + "y", strings.Repeat("x", mostLine-longestNotice) + fmt.Sprintf(
			" [%d bytes are left out]\n", longestNotice+1), "a byte more"},
		{strings.Repeat("x", mostLine-longestNotice-1) + strings.Repeat("\x01\x02", 1000),
			strings.Repeat("x", mostLine-longestNotice-1) +
				" [2000 bytes are left out]\n", "no cut within a character's number"},
		{strings.Repeat("x", mostLine-longestNotice-1) + strings.Repeat("重", 100),
			strings.Repeat("x", mostLine-longestNotice-1) + " [300 bytes are left out]\n",
			"or within a character"},
	} {
		if diff := cmp.Diff(row.want, string(CleanConsole([]byte(row.raw)))); diff != "" {
			t.Errorf("%s (-want +got): %s", row.why, diff)
		}
	}
}

// TestConsoleTail: of a long log the end is kept, in whole lines, and the first line says so.
func TestConsoleTail(t *testing.T) {
	line := strings.Repeat("x", 63) + "\n"
	all := strings.Repeat(line, mostLog/64)
	if got := string(CleanConsole([]byte(all))); got != all {
		t.Errorf("exactly as long as allowed: %d bytes, want all %d", len(got), len(all))
	}
	got := string(CleanConsole([]byte("first\n" + all)))
	notice, rest, _ := strings.Cut(got, "\n")
	left := len(all) + len("first\n") - len(rest)
	if want := fmt.Sprintf("[the first %d of %d bytes are left out]", left,
		len(all)+6); notice != want || !strings.HasSuffix(all, rest) ||
		len(got) > mostLog || len(got) < mostLog-longestNotice-64 {
		t.Errorf("%d bytes, %q, want %q", len(got), notice, want)
	}
	for name, raw := range map[string]string{
		"3 MB of zeros":       strings.Repeat("\x00", 3_000_000),
		"3 MB of bells":       strings.Repeat("\x07\x08", 1_500_000),
		"3 MB of line breaks": strings.Repeat("\n", 3_000_000) + "x",
		"3 MB of lines":       strings.Repeat("a line\r\n", 375_000),
	} {
		start := time.Now()
		got := CleanConsole([]byte(raw))
		if took := time.Since(start); took > patience || len(got) > mostLog ||
			len(got) == 0 {
			t.Errorf("%s: %d bytes after %v", name, len(got), took)
		}
	}
}

// textIsClean fails unless a text is what CleanConsole promises.
func textIsClean(t *testing.T, clean []byte) {
	t.Helper()
	if len(clean) > mostLog || !utf8.Valid(clean) || len(clean) > 0 && clean[len(clean)-1] != '\n' {
		t.Fatalf("%d bytes that are not whole lines of text", len(clean))
	}
	for line := range strings.Lines(string(clean)) {
		if len(line) > mostLine+1 {
			t.Errorf("a line of %d bytes", len(line))
		}
		if i := strings.IndexFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool {
			return r != '\t' && !unicode.IsGraphic(r)
		}); i >= 0 {
			t.Errorf("%q at %d cannot be shown", line, i)
		}
	}
	if again := CleanConsole(clean); string(again) != string(clean) {
		t.Errorf("cleaned again: %d bytes, want the same %d", len(again), len(clean))
	}
}

// TestMarks has what Linux prints, and lines like it that are none.
func TestMarks(t *testing.T) {
	for _, row := range []struct {
		kind MarkKind
		line string
	}{
		{MarkPanic, "[    9.12] Kernel panic - not syncing: Attempted to kill init!"},
		{MarkPanic, "[    9.12] ---[ end Kernel panic - not syncing: VFS: no root ]---"},
		{MarkPanic, "[ 1201.5] Kernel panic - not syncing: softlockup: hung tasks"},
		{MarkPanic, "Kernel panic - not syncing: Out of memory and no killable processes..."},
		{MarkPanic, "[  812.3] kernel BUG at fs/ext4/inode.c:2721!"},
		{MarkPanic, "[  812.3] BUG: unable to handle kernel NULL pointer dereference at 08"},
		{MarkPanic, "[  812.3] BUG: unable to handle page fault for address: ffffb0a000040000"},
		{MarkPanic, "[  812.3] BUG: kernel NULL pointer dereference, address: 0000000000000010"},
		{MarkPanic, "Unable to handle kernel paging request at virtual address ffff80001234"},
		{MarkPanic, "[  812.3] Internal error: Oops: 96000004 [#1] SMP"},
		{MarkPanic, "[  812.3] Oops: 0000 [#1] SMP PTI"},
		{MarkPanic, "[  812.3] general protection fault: 0000 [#1] SMP NOPTI"},
		{MarkPanic, "[  812.3] divide error: 0000 [#1] SMP"},
		{MarkPanic, "[  812.3] invalid opcode: 0000 [#1] SMP"},
		{"", "Command line: BOOT_IMAGE=/boot/vmlinuz root=UUID=1 panic=10 softlockup_panic=1"},
		{"", "[    0.4] kernel: sysrq: panic on demand is off"},
		{"", "app[12]: panic: runtime error: index out of range"},
		{"", "[  812.3] traps: app[12] general protection fault ip:7f sp:7f error:0 in libc.so"},
		{"", "Oops: the page you are looking for is gone"},

		{MarkLockup, "[ 2817.1] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [kswapd0:54]"},
		{MarkLockup, "BUG: soft lockup - CPU#0 stuck for 67s! [java:2817]"},
		{MarkLockup, "NMI watchdog: BUG: soft lockup - CPU#3 stuck for 23s! [migration/3:24]"},
		{MarkLockup, "[  100.0] NMI watchdog: Watchdog detected hard LOCKUP on cpu 2"},
		{MarkLockup, "[  100.0] rcu: INFO: rcu_sched self-detected stall on CPU"},
		{MarkLockup, "INFO: rcu_sched self-detected stall on CPU { 1}  (t=60000 jiffies)"},
		{MarkLockup, "[  100.0] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:"},
		{MarkLockup, "rcu: INFO: rcu_sched detected expedited stalls on CPUs/tasks: { 0-... }"},
		{MarkLockup, "rcu: rcu_sched kthread starved for 60002 jiffies! g13 f0x0"},
		{"", "[    0.8] NMI watchdog: Enabled. Permanently consumes one hw-PMU counter."},
		{"", "[    0.1] rcu: \tRCU CPU stall warnings timeout set to 60 (rcu_cpu_stall_timeout)."},

		{MarkHungTask, "[  363.1] INFO: task java:2817 blocked for more than 120 seconds."},
		{MarkHungTask, "INFO: task jbd2/vda1-8:228 blocked for more than 122 seconds."},
		{MarkHungTask, "INFO: task kworker/u4:1:31 blocked in I/O wait for more than 120 seconds."},
		{"", `"echo 0 > /proc/sys/kernel/hung_task_timeout_secs" disables this message.`},
		{"", "sshd[1]: user blocked for more than 120 seconds after 5 failures"},

		{MarkOutOfMemory, "[99.1] java invoked oom-killer: gfp_mask=0x100cca, order=0"},
		{MarkOutOfMemory, "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,task=java"},
		{MarkOutOfMemory, "[99.1] Out of memory: Killed process 2817 (java) total-vm:9437184kB"},
		{MarkOutOfMemory, "Out of memory: Kill process 2817 (java) score 902 or sacrifice child"},
		{MarkOutOfMemory, "Memory cgroup out of memory: Killed process 12 (python3) total-vm:1kB"},
		{MarkOutOfMemory, "oom_reaper: reaped process 2817 (java), now anon-rss:0kB, file-rss:0kB"},
		{"", "systemd[1]: Started Userspace Out-Of-Memory (OOM) Killer."},
		{"", "app[12]: java.lang.OutOfMemoryError: Java heap space"},
		{"", "Tasks state (memory values in pages):"},

		{MarkReadOnly, "[ 12.2] EXT4-fs (vda1): Remounting filesystem read-only"},
		{MarkReadOnly, "[ 12.2] Aborting journal on device vda1-8."},
		{MarkReadOnly, "XFS (vda1): Corruption of in-memory data detected.  " +
			"Shutting down filesystem"},
		{MarkReadOnly, "XFS (dm-0): Log I/O Error Detected.  Shutting down filesystem"},
		{MarkReadOnly, "XFS (vdb): Filesystem has been shut down due to log error (0x2)."},
		{MarkReadOnly, "BTRFS info (device vdb): forced readonly"},
		{"", "[  1.2] VFS: Mounted root (ext4 filesystem) readonly on device 253:1."},
		{"", "[  2.2] EXT4-fs (vda1): re-mounted. Opts: (null)"},
		{"", "[  1.2] EXT4-fs (vda1): mounted filesystem with ordered data mode. Opts: (null)"},

		{MarkIOError, "[ 12.1] blk_update_request: I/O error, dev vda, sector 2048 op 0x1:(WRITE)"},
		{MarkIOError, "end_request: I/O error, dev vdb, sector 0"},
		{MarkIOError, "print_req_error: I/O error, dev vda, sector 4196352"},
		{MarkIOError, "[ 12.1] Buffer I/O error on dev vda1, logical block 0, async page read"},
		{MarkIOError, "Buffer I/O error on device vda1, logical block 1"},
		{MarkIOError, "blk_update_request: critical medium error, dev sda, sector 7"},
		{MarkIOError, "EXT4-fs error (device vda3): ext4_lookup:1706: inode #2: deleted"},
		{MarkIOError, `XFS (vda1): metadata I/O error in "xlog_recover_iodone" at daddr 0x1`},
		{MarkIOError, "XFS (vda1): Metadata corruption detected at xfs_agf_read_verify+0x70/0x120"},
		{MarkIOError, "BTRFS error (device vdb): bdev /dev/vdb errs: wr 1, rd 0"},
		{MarkIOError, "nvme nvme0: I/O 12 QID 3 timeout, aborting"},
		{"", "[  1.0] nvme nvme0: 2/0/0 default/read/poll queues"},
		{"", "rsync: write failed: Input/output error (5)"},
		{"", "[  0.5] io scheduler mq-deadline registered"},
	} {
		want := []Mark{{row.kind, 2, row.line}}
		if row.kind == "" {
			want = nil
		}
		if diff := cmp.Diff(want, Marks("boot\n"+row.line+"\r\nlogin:")); diff != "" {
			t.Errorf("(-want +got): %s", diff)
		}
	}
	if got := Marks(""); got != nil {
		t.Errorf("of nothing: %v", got)
	}
}
