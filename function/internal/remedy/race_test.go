//go:build race

package remedy_test

func init() { raced = true }
