package store

import (
	"syscall"
	"unsafe"
)

const blockBytes = int(unsafe.Sizeof(keyBlock{}))

// mapBlocks gets memory that the garbage collector does not count: with it, it
// would let twice as much garbage lie around.
func mapBlocks(n int) []keyBlock {
	raw, err := syscall.Mmap(-1, 0, n*blockBytes, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return make([]keyBlock, n)
	}
	return unsafe.Slice((*keyBlock)(unsafe.Pointer(unsafe.SliceData(raw))), n) //nolint:gosec // of that size, and aligned to a page
}

func unmapBlocks(blocks []keyBlock) {
	raw := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(blocks))), len(blocks)*blockBytes) //nolint:gosec // the same memory
	_ = syscall.Munmap(raw)                                                                        // fails for memory that was not mapped
}
