package import Foundation

/// What is added to a file, piece by piece; and whether it was begun anew.
package struct FileTail: Sendable {
    private let path: String
    private let takesLines: Bool
    private var offset: UInt64 = 0
    private var identity: UInt64?

    /// - Parameter takesLines: whether a line is told only when it is whole.
    package init(_ path: String, takesLines: Bool) {
        self.path = path
        self.takesLines = takesLines
    }

    /// What has come since the last call, at most `limit` bytes of its end where the file is seen for the
    /// first time; `nil` for nothing.
    package mutating func next(limit: Int) -> (isNew: Bool, data: Data)? {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        guard let size = (attributes?[.size] as? NSNumber)?.uint64Value,
            let number = (attributes?[.systemFileNumber] as? NSNumber)?.uint64Value,
            let handle = FileHandle(forReadingAtPath: path)
        else {
            // A file that is gone begins anew when it comes back.
            identity = nil
            return nil
        }
        defer { try? handle.close() }
        let isNew = identity != number || size < offset
        if isNew {
            identity = number
            offset = size > UInt64(limit) ? size - UInt64(limit) : 0
        }
        guard isNew || size > offset, (try? handle.seek(toOffset: offset)) != nil,
            var data = try? handle.readToEnd() ?? Data()
        else { return nil }
        let isCut = isNew && offset > 0
        let begin = offset
        if takesLines {
            let end = data.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? data.startIndex
            data = data[data.startIndex..<end]
        }
        offset = begin + UInt64(data.count)
        if isCut {
            data = data.firstIndex(of: UInt8(ascii: "\n")).map { data[($0 + 1)...] } ?? data
        }
        return data.isEmpty && !isNew ? nil : (isNew, Data(data))
    }
}
