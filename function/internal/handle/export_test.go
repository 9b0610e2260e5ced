package handle

// Idle reports whether nobody waits for anybody: no change for its turn, no reading for another.
func (t *Together) Idle() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range t.lines {
		l.mu.Lock()
		idle := !l.busy && len(l.waiting) == 0 && l.reading == nil && l.nextReading == nil
		if l.mu.Unlock(); !idle {
			return false
		}
	}
	return true
}
