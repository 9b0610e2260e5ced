package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"syscall"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// boltInspect opens the file read-only, checks it, and closes it. Its errors are those of the
// system or of the lock, or a boltDamage.
func boltInspect(path string) error {
	if err := boltPageSize(path); err != nil {
		return err
	}
	var db *bbolt.DB
	var file *os.File // the one under db
	err := boltSurvives(func() (err error) {
		db, err = bbolt.Open(path, 0, &bbolt.Options{ReadOnly: true, Timeout: boltLockWait,
			OpenFile: func(name string, flag int, mode os.FileMode) (_ *os.File, err error) {
				file, err = os.OpenFile(name, flag, mode)
				return file, err
			}})
		return err
	})
	var system *fs.PathError
	var number syscall.Errno
	switch {
	case err == nil:
	case errors.Is(err, bolterrors.ErrTimeout), errors.As(err, &system), errors.As(err, &number):
		return err
	default: // what the library says about the file has no type of its own
		return boltDamage{err}
	}
	err = boltSurvives(func() error { return boltCheck(db, file) })
	if !boltPanicked(err) {
		err = errors.Join(err, db.Close())
	}
	return err
}

// boltPageSize refuses a file with a meta page that tells a size of pages that no page has: the
// library would go by it. It looks where the library looks for meta pages (bbolt's db.go,
// getPageSize). The file is not locked yet, but a meta page that somebody is writing at this moment
// is not whole.
func boltPageSize(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	const smallest, largest = 1 << 10, 16 << 20
	for at := int64(0); at <= largest; at = max(smallest, 2*at) {
		meta := make([]byte, boltMeta)
		if _, err := file.ReadAt(meta, at+boltHeader); err != nil {
			break // the end
		}
		size := boltOrder.Uint32(meta[8:])
		if boltWhole(meta) && (size < smallest || size > largest || size&(size-1) != 0) {
			return boltDamage{fmt.Errorf("no page has %d bytes", size)}
		}
	}
	return nil
}

// boltCheck looks at every page. The library's own check comes second: on pages that point out of
// the file, or round in circles, it would end the process, for it runs on a goroutine of its own,
// where a fault cannot be caught.
func boltCheck(db *bbolt.DB, file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	pages := boltPages{file: file, pageSize: int64(db.Info().PageSize)}
	if err := pages.walk(info.Size()); err != nil {
		return boltDamage{err}
	}
	return db.View(func(tx *bbolt.Tx) error {
		var first error
		for err := range tx.Check() { // to the end: it waits for a reader
			if first == nil {
				first = boltDamage{err}
			}
		}
		return first
	})
}

// boltPages reads the pages of a file as the library will, and with a bound on everything: whatever
// this lets through, the library can follow without leaving the file or its page, and comes to an
// end.
//
// The form is that of bbolt's internal/common/{meta,page}.go and internal/freelist/shared.go, in
// the byte order of the machine. A page begins with its id (8 bytes), flags (2), how many elements
// it has (2) and into how many further pages it goes on (4).
type boltPages struct {
	file     io.ReaderAt
	pageSize int64
	used     []bool // which pages something refers to already
}

const (
	boltHeader  = 16 // bytes of a page's header, and of each of its elements
	boltMeta    = 64 // bytes of a meta page behind its header
	boltMagic   = 0xED0CDAED
	boltVersion = 2

	// The flags of a page, and of an element of a leaf.
	boltBranch     = 0x01
	boltLeaf       = 0x02
	boltFreelist   = 0x10
	boltSubBucket  = 0x01
	boltNoFreelist = ^uint64(0) // in place of a page: the free pages are not stored
)

var boltOrder = binary.NativeEndian

// walk checks the meta page in force and everything that it leads to.
func (p *boltPages) walk(fileSize int64) error {
	meta, err := p.meta()
	if err != nil {
		return err
	}
	root, freelist, count := boltOrder.Uint64(meta[16:]), boltOrder.Uint64(meta[32:]),
		boltOrder.Uint64(meta[40:])
	if there := uint64(fileSize / p.pageSize); count > there {
		return fmt.Errorf("it has been cut off: of %d pages, %d are left", count, there)
	}
	if count < 2 {
		return errors.New("its meta page leaves no room for itself")
	}
	p.used = make([]bool, count)
	p.used[0], p.used[1] = true, true
	if freelist != boltNoFreelist {
		if err := p.freelist(freelist); err != nil {
			return err
		}
	}
	return p.tree(root, true)
}

// meta returns the younger one of the two meta pages, or the other if that one is not whole.
func (p *boltPages) meta() ([]byte, error) {
	var best []byte
	for id := range int64(2) {
		meta := make([]byte, boltMeta)
		if _, err := p.file.ReadAt(meta, id*p.pageSize+boltHeader); err != nil {
			return nil, err
		}
		younger := best == nil || boltOrder.Uint64(meta[48:]) > boltOrder.Uint64(best[48:])
		if boltWhole(meta) && younger {
			best = meta
		}
	}
	switch {
	case best == nil:
		return nil, errors.New("neither of its meta pages is whole")
	case int64(boltOrder.Uint32(best[8:])) != p.pageSize:
		return nil, errors.New("its meta pages are not of one mind about the size of a page")
	}
	return best, nil
}

// boltWhole reports whether a meta page is one, and was written to its end.
func boltWhole(meta []byte) bool {
	sum := fnv.New64a()
	sum.Write(meta[:56])
	return boltOrder.Uint32(meta) == boltMagic && boltOrder.Uint32(meta[4:]) == boltVersion &&
		boltOrder.Uint64(meta[56:]) == sum.Sum64()
}

// page reads a page with all that it goes on into, and takes it for the one who refers to it.
func (p *boltPages) page(id uint64) (page []byte, flags uint16, err error) {
	count := uint64(len(p.used))
	if id >= count {
		return nil, 0, fmt.Errorf("page %d does not exist", id)
	}
	header := make([]byte, boltHeader)
	if _, err := p.file.ReadAt(header, int64(id)*p.pageSize); err != nil {
		return nil, 0, err
	}
	if own := boltOrder.Uint64(header); own != id {
		return nil, 0, fmt.Errorf("page %d takes itself for page %d", id, own)
	}
	further := uint64(boltOrder.Uint32(header[12:]))
	if further >= count-id {
		return nil, 0, fmt.Errorf("page %d goes on beyond the last one", id)
	}
	for i := id; i <= id+further; i++ {
		if p.used[i] {
			return nil, 0, fmt.Errorf("page %d is used twice", i)
		}
		p.used[i] = true
	}
	page = make([]byte, int64(further+1)*p.pageSize)
	if _, err := p.file.ReadAt(page, int64(id)*p.pageSize); err != nil {
		return nil, 0, err
	}
	return page, boltOrder.Uint16(page[8:]), nil
}

// freelist checks the list of free pages.
func (p *boltPages) freelist(id uint64) error {
	page, flags, err := p.page(id)
	if err != nil {
		return err
	}
	if flags != boltFreelist {
		return fmt.Errorf("page %d is no list of free pages", id)
	}
	list, count := page[boltHeader:], uint64(boltOrder.Uint16(page[10:]))
	if count == 0xFFFF { // too many to be counted in the header
		count, list = boltOrder.Uint64(list), list[8:]
	}
	if count > uint64(len(list)/8) {
		return fmt.Errorf("page %d lists more free pages than it has room for", id)
	}
	for i := range count {
		if free := boltOrder.Uint64(list[8*i:]); free < 2 || free >= uint64(len(p.used)) {
			return fmt.Errorf("page %d lists page %d as free, which does not exist", id, free)
		}
	}
	return nil
}

// tree checks a page that holds elements, and those below it. At the top are the names of buckets,
// of which there is one at most, ours; in it are keys and values.
func (p *boltPages) tree(id uint64, top bool) error {
	page, flags, err := p.page(id)
	if err != nil {
		return err
	}
	switch flags {
	case boltLeaf:
		return p.leaf(id, page, top)
	case boltBranch:
		return p.branch(id, page, top)
	}
	return fmt.Errorf("page %d is of no kind that belongs there", id)
}

// branch checks a page whose elements (position, size of the key, page) are pages.
func (p *boltPages) branch(id uint64, page []byte, top bool) error {
	count := int(boltOrder.Uint16(page[10:]))
	if count == 0 {
		return fmt.Errorf("page %d leads nowhere", id)
	}
	for i := range count {
		element, err := boltElement(page, i, count)
		if err != nil {
			return fmt.Errorf("page %d: %w", id, err)
		}
		position, key := boltOrder.Uint32(element), boltOrder.Uint32(element[4:])
		if _, err := boltSlice(page, i, count, position, key, 0); err != nil {
			return fmt.Errorf("page %d: %w", id, err)
		}
		if err := p.tree(boltOrder.Uint64(element[8:]), top); err != nil {
			return err
		}
	}
	return nil
}

// leaf checks a page whose elements (flags, position, sizes of key and value) are keys and values.
func (p *boltPages) leaf(id uint64, page []byte, top bool) error {
	count := int(boltOrder.Uint16(page[10:]))
	for i := range count {
		element, err := boltElement(page, i, count)
		if err != nil {
			return fmt.Errorf("page %d: %w", id, err)
		}
		flags, position := boltOrder.Uint32(element), boltOrder.Uint32(element[4:])
		size := boltOrder.Uint32(element[8:])
		both, err := boltSlice(page, i, count, position, size, boltOrder.Uint32(element[12:]))
		if err != nil {
			return fmt.Errorf("page %d: %w", id, err)
		}
		key, value := both[:size], both[size:]
		switch {
		case !top && flags == 0:
		case top && flags == boltSubBucket && string(key) == string(boltBucket):
			if err := p.bucket(id, value); err != nil {
				return err
			}
		default:
			return fmt.Errorf("page %d holds %s, which this program does not write there", id,
				storeShown(string(key)))
		}
	}
	return nil
}

// bucket checks what stands below a bucket's name: the page where its tree begins and its sequence
// (8 bytes each), and, if the former is 0, a leaf without a page of its own.
func (p *boltPages) bucket(id uint64, value []byte) error {
	if len(value) < 16 {
		return fmt.Errorf("page %d: a bucket is cut off", id)
	}
	if root := boltOrder.Uint64(value); root != 0 {
		return p.tree(root, false)
	}
	inline := value[16:]
	if len(inline) < boltHeader || boltOrder.Uint16(inline[8:]) != boltLeaf {
		return fmt.Errorf("page %d: a bucket within it is cut off", id)
	}
	return p.leaf(id, inline, false)
}

// boltElement returns the i-th of a page's elements.
func boltElement(page []byte, i, count int) ([]byte, error) {
	if boltHeader*(count+1) > len(page) {
		return nil, fmt.Errorf("%d elements are more than it has room for", count)
	}
	return page[boltHeader*(i+1):][:boltHeader], nil
}

// boltSlice returns what the i-th of a page's elements points to: key and value, one behind the
// other. Positions count from the beginning of the element.
func boltSlice(page []byte, i, count int, position, key, value uint32) ([]byte, error) {
	from := uint64(boltHeader*(i+1)) + uint64(position)
	to := from + uint64(key) + uint64(value)
	if from < uint64(boltHeader*(count+1)) || to > uint64(len(page)) {
		return nil, fmt.Errorf("element %d points out of it", i)
	}
	return page[from:to], nil
}
