package import Files
import Foundation

/// A copy of a model's folder of Tests/References, gone with its owner.
package final class ModelFolder {
    package let path: String

    package init(_ model: String, in topic: String = "configurations") throws {
        let source = References.folder.appendingPathComponent("\(topic)/\(model)")
        let target = FileManager.default.temporaryDirectory.appendingPathComponent(
            "lockstep-model-\(UUID().uuidString)")
        try FileManager.default.copyItem(at: source, to: target)
        path = target.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Sets keys of config.json; null takes one away.
    package func change(_ keys: [JSONValue.Member]) throws {
        let url = URL(fileURLWithPath: path + "/config.json")
        let text = try String(contentsOf: url, encoding: .utf8)
        var members = try JSONValueReader.read(text).members ?? []
        for key in keys {
            members.removeAll { $0.key == key.key }
            if key.value != .null { members.append(key) }
        }
        try Data(JSONValue.object(members).text(indent: 2).utf8).write(to: url)
    }
}
