import Files
import Foundation

/// What a checkpoint holds, as lines of text, and whether every byte of it is sound.
package struct CheckpointInspection {
    private let path: String

    /// Nothing is read yet.
    package init(path: String) {
        self.path = path
    }

    /// What the file holds; arrays are listed, their numbers not read.
    ///
    /// - Throws: as ``CheckpointReader/init(path:)``.
    package func lines() throws(CheckpointError) -> [String] {
        let reader = try CheckpointReader(path: path)
        let metadata = reader.metadata
        let model = reader.arrays(in: .model)
        let parameters = model.reduce(0) { $0 + $1.elements }
        var lines = [
            "checkpoint of step \(metadata.step), \(PendingFile.bytes(of: path)) bytes",
            "written \(reader.stamp.date) by lockstep \(reader.stamp.program)",
            "model \(modelType(metadata)), \(parameters) parameters in \(model.count) arrays",
            optimizer(reader), scaler(metadata),
            "data \(metadata.data.samplesConsumed) samples of \(metadata.data.sampleTokens) tokens "
                + "consumed, \(metadata.data.tokensSeen) tokens seen, "
                + "epoch \(metadata.data.epoch), "
                + "seed \(metadata.data.seed), data set of \(metadata.data.datasetTokens) tokens",
            "random seed \(metadata.random.seed)",
            "history \(metadata.history.utf8.count) bytes",
        ]
        for (name, text) in metadata.tokenizer.sorted(by: { $0.key < $1.key }) {
            lines.append("tokenizer file \(name), \(text.utf8.count) bytes")
        }
        lines += indented("configuration", metadata.configuration)
        lines += indented("model configuration", metadata.modelConfiguration)
        for group in reader.groups {
            let arrays = reader.arrays(in: group)
            lines.append("\(group.rawValue): \(arrays.count) arrays")
            for array in arrays {
                let extents = array.shape.map(String.init).joined(separator: " × ")
                let shape = extents.isEmpty ? "scalar" : extents
                lines.append("  \(array.name)  \(shape)  \(array.elements * 4) bytes")
            }
        }
        return lines
    }

    /// Reads every dataset against its checksum.
    ///
    /// - Returns: everything that is wrong, each naming its entry; empty for a sound file.
    package func verify() -> [CheckpointError] {
        let file: HDF5File
        do throws(CheckpointError) {
            file = try HDF5File.open(at: path)
            try CheckpointReader.checkFormat(file)
        } catch {
            return [error]
        }
        var errors: [CheckpointError] = []
        func attempt(_ body: () throws(CheckpointError) -> Void) {
            do throws(CheckpointError) { try body() } catch {
                if !errors.contains(error) { errors.append(error) }
            }
        }

        var manifest: CheckpointManifest?
        attempt { () throws(CheckpointError) in manifest = try CheckpointReader.manifest(of: file) }
        guard let manifest else { return errors }
        attempt { () throws(CheckpointError) in try CheckpointReader.checkChildren(file, manifest) }
        attempt { () throws(CheckpointError) in
            _ = try CheckpointReader.attributes(of: file, manifest)
        }
        for entry in manifest.entries {
            attempt { () throws(CheckpointError) in
                try verify(entry, manifest.algorithm, in: file)
            }
        }
        if errors.isEmpty {
            attempt { () throws(CheckpointError) in _ = try CheckpointReader(path: path) }
        }
        return errors
    }

    private func verify(
        _ entry: CheckpointManifest.Entry, _ algorithm: Checksum, in file: HDF5File
    ) throws(CheckpointError) {
        let found: String
        switch entry.kind {
        case .text:
            found = try file.readTextBytes(entry.path).withUnsafeBytes { algorithm.text(of: $0) }
        case .float32:
            var values = [Float](repeating: 0, count: entry.shape.reduce(1, *))
            try values.withUnsafeMutableBufferPointer { buffer throws(CheckpointError) in
                try file.readFloats(entry.path, shape: entry.shape, into: buffer)
            }
            found = values.withUnsafeBytes { algorithm.text(of: $0) }
        }
        try CheckpointReader.check(entry.path, found, entry.checksum, algorithm, file)
    }

    private func modelType(_ metadata: CheckpointMetadata) -> String {
        struct Configuration: Decodable {
            var modelType: String?
            enum CodingKeys: String, CodingKey { case modelType = "model_type" }
        }
        let data = Data(metadata.modelConfiguration.utf8)
        let configuration = try? JSONDecoder().decode(Configuration.self, from: data)
        return configuration?.modelType ?? "of unknown type"
    }

    private func optimizer(_ reader: CheckpointReader) -> String {
        let groups = reader.groups.filter { $0.optimizerArray != nil }
        let counts = groups.map { reader.arrays(in: $0).reduce(0) { $0 + $1.elements } }
        let further = zip(groups, counts).dropFirst(2).map {
            ", \($0.optimizerArray ?? "") of \($1)"
        }
        return
            "optimizer \(reader.metadata.optimizer) "
            + "after \(reader.metadata.optimizerSteps) updates, "
            + "moments of \(counts[0]) and \(counts[1]) numbers" + further.joined()
    }

    private func scaler(_ metadata: CheckpointMetadata) -> String {
        guard let scaler = metadata.scaler else { return "no loss scaling" }
        return "loss scale \(scaler.scale) after \(scaler.goodSteps) good steps, hysteresis "
            + "\(scaler.hysteresis), \(scaler.skippedSteps) steps skipped"
    }

    private func indented(_ title: String, _ text: String) -> [String] {
        guard !text.isEmpty else { return ["\(title): none"] }
        return ["\(title):"]
            + text.split(separator: "\n", omittingEmptySubsequences: true).map { "  \($0)" }
    }
}
