/// The bytes of a buffer that was packed.
final class UnpackedBytes {
    /// Valid as long as this object is.
    let storage: UnsafeMutableRawBufferPointer

    /// - Parameter count: bytes; the system gives pages when they are first written.
    init(count: Int) {
        storage = .allocate(byteCount: count, alignment: 64)
    }

    deinit { storage.deallocate() }

    var bytes: ByteView { ByteView(UnsafeRawBufferPointer(storage)) }
}
