package evidence

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"syscall"
)

// Dir is a Store in a folder of this machine. Folders are made with mode 0700 and files with 0600.
// What is below the folder cannot lead out of it, by a symbolic link either; the folder itself may
// be one. A call that has begun does not end before the file system answers.
type Dir struct{ folder string }

// OpenDir returns a store in a folder, which is made when something is first stored. The error is
// about a folder that is not absolute.
func OpenDir(folder string) (*Dir, error) {
	if !filepath.IsAbs(folder) {
		return nil, errors.New("the folder for evidence has no absolute path")
	}
	return &Dir{folder: folder}, nil
}

// Put implements Store.
func (d *Dir) Put(ctx context.Context, incident, name string, content []byte,
	overwrite bool) error {
	root, err := d.open(ctx, incident, name, true)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.MkdirAll(incident, 0o700); err != nil {
		return troubled(err)
	}
	// Two who write at once have a file each. Whoever was killed in between leaves one behind,
	// whose name List does not show.
	half := path.Join(incident, "."+name+"."+rand.Text())
	if err := write(root, half, content); err != nil {
		root.Remove(half)
		return troubled(err)
	}
	target := path.Join(incident, name)
	if overwrite {
		if err := root.Rename(half, target); err != nil {
			root.Remove(half)
			return troubled(err)
		}
		return nil
	}
	err = root.Link(half, target)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		// A file system without links, such as a mounted bucket: an empty file holds the name for
		// the moment until the whole one takes its place.
		var holder *os.File
		holder, err = root.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err == nil {
			holder.Close()
			if err = root.Rename(half, target); err == nil {
				return nil
			}
			root.Remove(target)
		}
	}
	root.Remove(half)
	switch {
	case errors.Is(err, fs.ErrExist):
		return ErrExists
	case err != nil:
		return troubled(err)
	}
	return nil
}

// write makes a file that is not there yet.
func write(root *os.Root, name string, content []byte) error {
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Sync(), f.Close())
}

// Get implements Store. What is no regular file is not read: a pipe would never end.
func (d *Dir) Get(ctx context.Context, incident, name string, most int) ([]byte, error) {
	root, err := d.open(ctx, incident, name, false)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	target := path.Join(incident, name)
	switch info, err := root.Lstat(target); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, ErrNotFound
	case err != nil:
		return nil, troubled(err)
	case !info.Mode().IsRegular():
		return nil, &Failure{What: "what has the file's name is not a file"}
	}
	f, err := root.Open(target)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, troubled(err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	switch {
	case err != nil:
		return nil, troubled(err)
	case len(content) > most:
		return nil, ErrTooLarge
	}
	return content, nil
}

// mostFiles is how many entries of an incident's folder are looked at. An incident has eight.
const mostFiles = 1000

// List implements Store.
func (d *Dir) List(ctx context.Context, incident string) ([]string, error) {
	root, err := d.open(ctx, incident, "any.txt", false)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer root.Close()
	folder, err := root.Open(incident)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, troubled(err)
	}
	defer folder.Close()
	entries, err := folder.ReadDir(mostFiles)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, troubled(err)
	}
	var names []string
	for _, entry := range entries {
		if entry.Type().IsRegular() && CheckName(entry.Name()) == nil {
			names = append(names, entry.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// Remove deletes a file; one that is not there is no error.
func (d *Dir) Remove(ctx context.Context, incident, name string) error {
	root, err := d.open(ctx, incident, name, false)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	defer root.Close()
	err = root.Remove(path.Join(incident, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return troubled(err)
	}
	return nil
}

// open checks what was asked, and opens the folder; with make, it makes it where it is not there.
// It is opened for each call, so that a folder that was moved away is noticed.
func (d *Dir) open(ctx context.Context, incident, name string, make bool) (*os.Root, error) {
	if CheckIncident(incident) != nil || CheckName(name) != nil {
		return nil, ErrRequest
	}
	if ctx.Err() != nil {
		return nil, &Failure{What: outOfTime}
	}
	if make {
		if err := os.MkdirAll(d.folder, 0o700); err != nil {
			return nil, troubled(err)
		}
	}
	root, err := os.OpenRoot(d.folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, troubled(err)
	}
	return root, nil
}

const outOfTime = "the store did not answer in time"

// troubled words an error of the file system, whose own text holds the path.
func troubled(err error) error {
	f := &Failure{What: "the folder for evidence cannot be used"}
	var number syscall.Errno
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		f.What = "the disk is full"
	case errors.Is(err, syscall.EROFS):
		f.What = "the file system is read-only"
	case errors.Is(err, fs.ErrPermission):
		f.What = "the folder for evidence may not be used by this process"
	case errors.As(err, &number):
		f.What += ": " + number.Error()
	}
	return f
}
