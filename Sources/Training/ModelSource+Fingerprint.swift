import Distributed
import Foundation
import ModelFiles

extension ModelSource {
    /// A hash of the files that weights are read from: their sizes, and parts spread over each.
    ///
    /// Reading all would take as long as loading the model; files that differ at all differ almost
    /// everywhere. Paths do not count: they may differ between hosts.
    ///
    /// - Parameter adapters: folders whose weights count, too.
    func fingerprint(adapters: [String] = []) -> Fingerprint {
        var fingerprint = Fingerprint()
        let further = adapters.flatMap { folder in
            ["adapter_model.safetensors", "adapter_model.bin"].map { folder + "/" + $0 }
        }
        for file in weightFiles + further {
            guard let handle = FileHandle(forReadingAtPath: file) else { continue }
            let size = (try? handle.seekToEnd()) ?? 0
            fingerprint.add(size)
            for part in 0..<Self.parts {
                try? handle.seek(toOffset: size * part / Self.parts)
                let data = (try? handle.read(upToCount: Self.partBytes)) ?? Data()
                fingerprint.add(data)
            }
            try? handle.close()
        }
        return fingerprint
    }

    private static let parts: UInt64 = 64
    private static let partBytes = 4096

    /// Makes sure that all ranks read the same base model: what is frozen is never compared later.
    /// Collective.
    ///
    /// - Parameter adapters: folders whose weights are compared, too.
    /// - Returns: the fingerprint's text.
    @discardableResult
    func agree(
        adapters: [String] = [], over communicator: any Communicator
    ) throws(TrainingError) -> String {
        let own = fingerprint(adapters: adapters).text
        let texts: [String]
        do throws(CommunicationError) {
            texts = try communicator.allGather(own)
        } catch {
            throw .communication(error)
        }
        guard let other = texts.indices.first(where: { texts[$0] != texts[0] }) else { return own }
        throw .user(
            "the model files of rank \(other) (\(communicator.hostNames[other])) differ from those "
                + "of rank 0 (\(communicator.hostNames[0])); give all hosts the same model files")
    }
}
