//! An allocator for one call. It never frees memory, because the host drops the whole instance after each call.

#![allow(unsafe_code, reason = "an allocator cannot be written without")]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use core::ptr::null_mut;

/// The size of a page of WebAssembly memory, in bytes.
const PAGE: usize = 65_536;
/// The number of pages to request at once, so that requests are rare.
const STEP: usize = 4;

/// The free rest of the memory: from `next` up to `end`.
struct Rest {
    next: Cell<usize>,
    end: Cell<usize>,
}

#[global_allocator]
static MEMORY: Rest = Rest { next: Cell::new(0), end: Cell::new(0) };

// SAFETY: a policy has one thread.
unsafe impl Sync for Rest {}

// SAFETY: every block is inside requested memory, is aligned, and overlaps no other, as `next` only grows.
unsafe impl GlobalAlloc for Rest {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let begin = self.next.get().next_multiple_of(layout.align());
        let Some(end) = begin.checked_add(layout.size()) else { return null_mut() };
        if end > self.end.get() {
            return self.grow(layout);
        }
        self.next.set(end);
        begin as *mut u8
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let begin = block as usize;
        // The last block grows where it is.
        if begin + layout.size() == self.next.get() && begin + size <= self.end.get() {
            self.next.set(begin + size);
            return block;
        }
        // SAFETY: the old block is as long as its layout, and the new one is another.
        unsafe {
            let new = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !new.is_null() {
                block.copy_to_nonoverlapping(new, layout.size().min(size));
            }
            new
        }
    }
}

impl Rest {
    /// Requests more memory from the host, then allocates the block again.
    #[cold]
    fn grow(&self, layout: Layout) -> *mut u8 {
        let pages = (layout.size() + layout.align()).div_ceil(PAGE).max(STEP);
        let before = core::arch::wasm32::memory_grow(0, pages);
        if before == usize::MAX {
            return null_mut();
        }
        // Another's memory may lie in between only if the guest itself asked for it, and nothing else here does.
        if before * PAGE != self.end.get() {
            self.next.set(before * PAGE);
        }
        self.end.set((before + pages) * PAGE);
        // SAFETY: the layout is the caller's, and there is room for it now.
        unsafe { self.alloc(layout) }
    }
}
