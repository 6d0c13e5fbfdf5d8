import Files

/// A file of torch.save, mapped for reading without running anything in it: a zip archive without
/// compression, whose pickle may build tensors of plain numbers and their dictionary, and nothing
/// else. Safe to use from several threads.
///
/// Opening checks that every tensor's numbers are there. Tensors may share their numbers, and be
/// views of them with strides. Formats: Python's pickletools; torch/serialization.py.
package final class TorchArchive: Sendable {
    /// What a message tells the user to do with a model's file that cannot be read.
    package static let adviceForModels =
        "convert it with transformers' save_pretrained(folder, safe_serialization=True)"

    package let path: String
    private let bytes: MappedBytes
    private let views: [String: View]

    /// One tensor: its numbers' bytes, and where each is.
    private struct View: Sendable {
        let shape: [Int]
        let strides: [Int]
        let element: PickleReader.Element
        /// From its first number to its last one.
        let range: Range<Int>
        /// Whether the numbers lie one after another in the tensor's order.
        let isDense: Bool

        /// Below 2⁴⁰, as the reader of the pickle has checked.
        var count: Int { shape.reduce(1, *) }
    }

    /// - Parameter advice: for whoever has a file that cannot be read.
    /// - Throws: ``WeightFileError/malformed(detail:file:)`` where it is no such file, and
    ///   ``WeightFileError/system(call:code:file:)`` where it cannot be opened.
    package init(
        path: String, advice: String = TorchArchive.adviceForModels
    ) throws(WeightFileError) {
        self.path = path
        bytes = try MappedBytes(path: path)
        do throws(MalformedPickle) {
            views = try Self.views(bytes.buffer)
        } catch {
            throw .malformed(
                detail: "\(error.reason); \(error.advice ?? advice)", file: path)
        }
    }

    /// The names of its tensors.
    package var names: [String] { Array(views.keys) }

    private static func views(
        _ bytes: UnsafeRawBufferPointer
    ) throws(MalformedPickle) -> [String: View] {
        if let old = oldFormat(bytes) { throw old }
        let entries = try ZipDirectory(bytes).entries
        let pickles = entries.keys.filter { $0 == "data.pkl" || $0.hasSuffix("/data.pkl") }
        guard pickles.count == 1, let name = pickles.first, let pickle = entries[name] else {
            throw MalformedPickle(reason: "it holds \(pickles.count) data.pkl, expected one")
        }
        // The folder of the archive that all of its files are in.
        let root = String(name.dropLast("data.pkl".count))
        if let order = entries[root + "byteorder"],
            String(decoding: bytes[order], as: UTF8.self) != "little"
        {
            throw MalformedPickle(reason: "its numbers are not little-endian")
        }
        var reader = PickleReader(Array(bytes[pickle]))
        var views: [String: View] = [:]
        for (name, tensor) in try reader.tensors() {
            guard let storage = entries[root + "data/" + tensor.storage.key],
                let view = view(of: tensor, in: storage)
            else {
                throw MalformedPickle(reason: "the numbers of \(name) are not all there")
            }
            // One number may stand for many only where there are as many.
            guard view.count <= tensor.storage.count else {
                throw MalformedPickle(
                    reason: "\(name) is a view that repeats its \(tensor.storage.count) numbers to "
                        + "shape \(tensor.shape)",
                    advice: "save it with .contiguous(), or " + adviceForModels)
            }
            views[name] = view
        }
        return views
    }

    /// The view of a storage's bytes that a tensor is; `nil` where it reaches beyond them.
    private static func view(
        of tensor: PickleReader.TensorValue, in storage: Range<Int>
    ) -> View? {
        let width = tensor.storage.element.bytes
        let (size, tooLarge) = tensor.storage.count.multipliedReportingOverflow(by: width)
        guard !tooLarge, storage.count == size else { return nil }
        var isDense = true
        // Strides are below 2⁴⁰ and extents' product is.
        var (last, dense) = (tensor.offset, 1)
        let isEmpty = tensor.shape.contains(0)
        for (extent, stride) in zip(tensor.shape, tensor.strides).reversed() where extent > 1 {
            if stride != dense { isDense = false }
            dense *= extent
            let (reach, overflows) = (extent - 1).multipliedReportingOverflow(by: stride)
            let (sum, overflowsToo) = last.addingReportingOverflow(reach)
            guard !overflows, !overflowsToo else { return nil }
            last = sum
        }
        guard !isEmpty else {
            return View(
                shape: tensor.shape, strides: tensor.strides, element: tensor.storage.element,
                range: storage.lowerBound..<storage.lowerBound, isDense: true)
        }
        guard tensor.offset >= 0, last < tensor.storage.count else { return nil }
        let start = storage.lowerBound + tensor.offset * width
        return View(
            shape: tensor.shape, strides: tensor.strides, element: tensor.storage.element,
            range: start..<storage.lowerBound + (last + 1) * width, isDense: isDense)
    }

    /// What to say of files of torch before 1.6, which are no zip archives.
    private static func oldFormat(_ bytes: UnsafeRawBufferPointer) -> MalformedPickle? {
        // A pickle of the number 0x1950A86A20F9469CFC6C comes first.
        let magic: [UInt8] = [0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8]
        let isLegacy = bytes.count >= magic.count && bytes[..<magic.count].elementsEqual(magic)
        let isTar = bytes.count >= 262 && bytes[257..<262].elementsEqual("ustar".utf8)
        if isLegacy || isTar {
            return MalformedPickle(
                reason: "it is torch.save's format of before PyTorch 1.6",
                advice: "convert it: python -c \"import sys, torch; f = sys.argv[1]; "
                    + "torch.save(torch.load(f, map_location='cpu'), f)\" FILE")
        }
        if bytes.count >= 20, bytes[..<20].elementsEqual("version https://git-".utf8) {
            return MalformedPickle(
                reason: "it is a pointer of Git LFS, not the file itself",
                advice: "fetch it with `git lfs pull`")
        }
        return nil
    }
}

extension TorchArchive: WeightFile {
    package func form(of name: String) -> WeightForm? {
        views[name].map { WeightForm(shape: $0.shape, type: $0.element.rawValue) }
    }

    package func withBytes<Result>(
        of name: String, _ body: (UnsafeRawBufferPointer) throws(WeightFileError) -> Result
    ) throws(WeightFileError) -> Result {
        guard let view = views[name] else { throw .missing(entry: name, file: path) }
        let stored = UnsafeRawBufferPointer(rebasing: bytes.buffer[view.range])
        guard !view.isDense else { return try body(stored) }
        let ordered = Self.inOrder(stored, view)
        // A typed error does not pass through the array's own method.
        let result = ordered.withUnsafeBytes { bytes -> Swift.Result<Result, WeightFileError> in
            do throws(WeightFileError) {
                return .success(try body(bytes))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    package func checkSize() throws(WeightFileError) { try bytes.checkSize() }

    /// The numbers of a view with strides, one after another.
    private static func inOrder(_ stored: UnsafeRawBufferPointer, _ view: View) -> [UInt8] {
        let width = view.element.bytes
        var ordered = [UInt8](repeating: 0, count: view.count * width)
        let (rows, columns) = (view.shape.dropLast(), view.shape.last ?? 1)
        let columnStride = (view.strides.last ?? 1) * width
        var place = [Int](repeating: 0, count: rows.count)
        var target = 0
        while target < ordered.count {
            var source = zip(place, view.strides).reduce(0) { $0 + $1.0 * $1.1 } * width
            for _ in 0..<columns {
                for byte in 0..<width { ordered[target &+ byte] = stored[source &+ byte] }
                target &+= width
                source &+= columnStride
            }
            // The next row, as an odometer counts.
            for axis in rows.indices.reversed() {
                place[axis] += 1
                if place[axis] < rows[axis] { break }
                place[axis] = 0
            }
        }
        return ordered
    }
}
