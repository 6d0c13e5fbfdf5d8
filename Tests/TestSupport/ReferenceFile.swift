package import Foundation

/// A safetensors file of reference values, read with as little code as possible: tests do not lean
/// on the reader they test.
package struct ReferenceFile {
    private struct Entry: Decodable {
        let dtype: String
        let shape: [Int]
        let offsets: [Int]

        private enum CodingKeys: String, CodingKey {
            case dtype, shape
            case offsets = "data_offsets"
        }
    }

    private let entries: [String: Entry]
    private let data: Data

    /// - Parameter path: below Tests/References.
    package init(_ path: String) throws {
        let file = try Data(contentsOf: References.folder.appendingPathComponent(path))
        let length = file.prefix(8).enumerated().reduce(0) {
            $0 + Int($1.element) << (8 * $1.offset)
        }
        var object =
            try JSONSerialization.jsonObject(with: file[8..<8 + length]) as? [String: Any] ?? [:]
        object["__metadata__"] = nil
        let header = try JSONSerialization.data(withJSONObject: object)
        entries = try JSONDecoder().decode([String: Entry].self, from: header)
        data = Data(file[(8 + length)...])
    }

    package var names: [String] { entries.keys.sorted() }

    /// The parts of the names before the first dot.
    package var cases: [String] {
        Set(names.map { String($0.prefix { $0 != "." }) }).sorted()
    }

    package func has(_ name: String) -> Bool { entries[name] != nil }

    package func shape(_ name: String) throws -> [Int] { try entry(name, "").shape }

    package func floats(_ name: String) throws -> [Float] {
        try numbers(name, "F32").map(Float.init(bitPattern:))
    }

    package func integers(_ name: String) throws -> [Int32] {
        try numbers(name, "I32").map(Int32.init(bitPattern:))
    }

    private func entry(_ name: String, _ dtype: String) throws -> Entry {
        guard let entry = entries[name], dtype.isEmpty || entry.dtype == dtype else {
            throw ReferenceError(message: "no \(dtype) array \(name) in the reference file")
        }
        return entry
    }

    private func numbers(_ name: String, _ dtype: String) throws -> [UInt32] {
        let range = try entry(name, dtype).offsets
        return data[range[0]..<range[1]].withUnsafeBytes { bytes in
            (0..<bytes.count / 4).map {
                bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self)
            }
        }
    }
}

package struct ReferenceError: Error {
    package let message: String

    package init(message: String) { self.message = message }
}

/// Where reference values lie.
package enum References {
    package static let folder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent(
            "References")

    /// The text of a file below Tests/References.
    package static func text(_ path: String) throws -> String {
        try String(contentsOf: folder.appendingPathComponent(path), encoding: .utf8)
    }

    /// A JSON object below Tests/References.
    package static func object(_ path: String) throws -> [String: Any] {
        let data = try Data(contentsOf: folder.appendingPathComponent(path))
        return try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
    }
}

/// How far two arrays are apart.
package enum Difference {
    /// The largest absolute difference; infinite if the counts differ.
    package static func absolute(_ a: [Float], _ b: [Float]) -> Float {
        guard a.count == b.count else { return .infinity }
        return zip(a, b).reduce(0) { $1.0.isFinite ? max($0, abs($1.0 - $1.1)) : .infinity }
    }

    /// ‖a − b‖ / ‖b‖; infinite if the counts differ.
    package static func relative(_ a: [Float], _ b: [Float]) -> Double {
        guard a.count == b.count else { return .infinity }
        let error = zip(a, b).reduce(0.0) { $0 + pow(Double($1.0) - Double($1.1), 2) }
        let size = b.reduce(0.0) { $0 + pow(Double($1), 2) }
        guard size > 0 else { return error == 0 ? 0 : .infinity }
        return (error / size).squareRoot()
    }
}
