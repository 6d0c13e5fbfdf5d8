package import Files
import Foundation

extension SafetensorsFile {
    /// Writes a .safetensors file, one array in memory at a time.
    ///
    /// Temporary name, fsync and rename: the file appears complete or not at all.
    ///
    /// - Parameters:
    ///   - path: the final name; its folder exists.
    ///   - arrays: names and shapes; the file orders them by name, as the reference writer does.
    ///   - type: what numbers are rounded to.
    ///   - metadata: the header's `__metadata__`; loaders of PyTorch look for `format: pt`.
    ///   - values: an array's numbers, asked for once each, in order of names.
    /// - Throws: ``WeightFileError/system(call:code:file:)``,
    ///   ``WeightFileError/invalidName(name:reason:)`` for a name given twice, and what
    ///   `values` throws.
    package static func write(
        _ path: String, arrays: [ArrayDescription], type: WeightType = .float32,
        metadata: [String: String] = ["format": "pt"],
        values: (ArrayDescription) throws(WeightFileError) -> [Float]
    ) throws(WeightFileError) {
        let arrays = arrays.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        let header = try headerBytes(arrays, type, metadata)
        let file = try WeightFileError.ofFile { () throws(FileProblem) -> PendingFile in
            let file = try PendingFile(path: path)
            try withBytes(of: header) { bytes throws(FileProblem) in try file.write(bytes) }
            return file
        }
        for array in arrays {
            let numbers = try values(array)
            precondition(
                numbers.count == array.elements,
                "\(array.name): shape \(array.shape) but \(numbers.count) values")
            try WeightFileError.ofFile { () throws(FileProblem) in
                try write(numbers, as: type, to: file)
            }
        }
        try WeightFileError.ofFile { () throws(FileProblem) in try file.commit() }
    }

    private static func write(
        _ numbers: [Float], as type: WeightType, to file: PendingFile
    ) throws(FileProblem) {
        try numbers.withUnsafeBufferPointer { numbers throws(FileProblem) in
            if type == .float32 {
                return try file.write(UnsafeRawBufferPointer(numbers))
            }
            // Converted a piece at a time, so that half of the largest array is not held twice.
            let piece = 1 << 20
            var scratch = [UInt16](repeating: 0, count: min(piece, numbers.count))
            var start = 0
            while start < numbers.count {
                let end = min(start + piece, numbers.count)
                let part = UnsafeBufferPointer(rebasing: numbers[start..<end])
                try scratch.withUnsafeMutableBufferPointer { scratch throws(FileProblem) in
                    let bytes = UnsafeMutableRawBufferPointer(
                        UnsafeMutableBufferPointer(rebasing: scratch[..<part.count]))
                    type.encode(part, into: bytes)
                    try file.write(UnsafeRawBufferPointer(bytes))
                }
                start = end
            }
        }
    }

    /// Length and JSON, padded by spaces so that the data starts at a multiple of 8.
    private static func headerBytes(
        _ arrays: [ArrayDescription], _ type: WeightType, _ metadata: [String: String]
    ) throws(WeightFileError) -> [UInt8] {
        var parts: [String] = []
        if !metadata.isEmpty {
            let pairs = metadata.sorted { $0.key < $1.key }
                .map { "\(quoted($0.key)):\(quoted($0.value))" }
            parts.append("\"__metadata__\":{\(pairs.joined(separator: ","))}")
        }
        var offset = 0
        var previous: String?
        for array in arrays {
            guard array.name != previous, array.name != "__metadata__", !array.name.isEmpty else {
                throw .invalidName(name: array.name, reason: "expected names that differ")
            }
            previous = array.name
            let end = offset + array.elements * type.bytes
            let extents = array.shape.map(String.init).joined(separator: ",")
            parts.append(
                "\(quoted(array.name)):{\"dtype\":\"\(type.rawValue)\",\"shape\":[\(extents)],"
                    + "\"data_offsets\":[\(offset),\(end)]}")
            offset = end
        }
        var json = Array("{\(parts.joined(separator: ","))}".utf8)
        json += [UInt8](repeating: 0x20, count: (8 - json.count % 8) % 8)
        return Swift.withUnsafeBytes(of: UInt64(json.count).littleEndian) { Array($0) } + json
    }

    private static func withBytes(
        of bytes: [UInt8], _ body: (UnsafeRawBufferPointer) throws(FileProblem) -> Void
    ) throws(FileProblem) {
        try bytes.withUnsafeBufferPointer { buffer throws(FileProblem) in
            try body(UnsafeRawBufferPointer(buffer))
        }
    }

    /// `text` as a JSON string.
    static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
