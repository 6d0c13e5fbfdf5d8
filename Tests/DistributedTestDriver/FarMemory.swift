import Kernels

/// Memory that the host reaches by copies only, as a device's would be: whoever does not put back what
/// the host has written, or goes around the view, computes with old bytes.
private struct FarMemory: MemorySpace {
    var isHosts: Bool { false }

    func lend(_ bytes: UnsafeMutableRawBufferPointer) -> UnsafeMutableRawBufferPointer {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 64)
        copy.copyMemory(from: UnsafeRawBufferPointer(bytes))
        return copy
    }

    func put(_ lent: UnsafeMutableRawBufferPointer, into bytes: UnsafeMutableRawBufferPointer) {
        bytes.copyMemory(from: UnsafeRawBufferPointer(lent))
    }

    func release(_ lent: UnsafeMutableRawBufferPointer) { lent.deallocate() }
}

/// A workspace of one thread, in far memory where the scenario's name asks for that.
func testWorkspace() -> Workspace {
    isFar ? Workspace(threads: 1, space: FarMemory()) : Workspace(threads: 1)
}

/// Whether the scenario's name begins with `far-`.
let isFar = CommandLine.arguments.dropFirst().first?.hasPrefix("far-") ?? false
