/// Bytes in order, from a file or out of a decompressor. For one thread at a time.
package protocol ByteSource: AnyObject {
    /// Bytes of the file on disk read so far.
    var consumed: Int { get }

    /// Puts at most `buffer.count` bytes into `buffer`; zero at the end only.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(FileProblem) -> Int
}
