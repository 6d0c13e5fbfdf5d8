import Foundation

/// Folders in which programs of hubs keep what they downloaded.
///
/// Nothing is downloaded here; what another program has put there is found by its name.
package struct HubCaches: Sendable, Equatable {
    /// What a repository holds.
    package enum Kind: String, Sendable {
        case models, datasets
    }

    /// Hugging Face's, of `models--org--name/snapshots/COMMIT`.
    package var hub: [String]
    /// ModelScope's, of `models/org/name`.
    package var modelScope: [String]
    /// Of Hugging Face's library datasets, of prepared tables, `org___name`.
    package var tables: [String]

    /// No cache at all.
    package static let none = HubCaches(hub: [], modelScope: [], tables: [])

    package init(hub: [String], modelScope: [String], tables: [String]) {
        self.hub = hub
        self.modelScope = modelScope
        self.tables = tables
    }

    /// The folders that a process's environment names, as huggingface_hub, datasets and modelscope
    /// read it.
    package init(environment: [String: String]) {
        func value(_ name: String) -> String? {
            environment[name].flatMap { $0.isEmpty ? nil : $0 }
        }
        func joined(_ folder: String?, _ name: String) -> String? {
            folder.map { ($0 as NSString).appendingPathComponent(name) }
        }
        let cache = value("XDG_CACHE_HOME") ?? joined(value("HOME"), ".cache")
        let home = value("HF_HOME") ?? joined(cache, "huggingface")
        hub = [
            value("HF_HUB_CACHE") ?? value("HUGGINGFACE_HUB_CACHE") ?? joined(home, "hub")
        ].compactMap { $0 }
        tables = [value("HF_DATASETS_CACHE") ?? joined(home, "datasets")].compactMap { $0 }
        let scope = value("MODELSCOPE_CACHE") ?? joined(cache, "modelscope/hub")
        modelScope = [scope, joined(scope, "hub")].compactMap { $0 }
    }

    /// Whether a text may be a repository's name: `org/name`, or `name` alone.
    package static func isIdentifier(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        return 1...2 ~= parts.count
            && parts.allSatisfy { part in
                !part.isEmpty && !part.hasPrefix(".") && !part.contains("..")
                    && part.utf8.allSatisfy {
                        (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0)
                            || "._-".utf8.contains($0)
                    }
            }
    }

    /// The folder of a repository's files; `nil` where no cache has them.
    ///
    /// - Parameter revision: a branch, tag or commit.
    package func folder(
        of identifier: String, _ kind: Kind, revision: String = "main"
    ) -> String? {
        guard Self.isIdentifier(identifier) else { return nil }
        let name = kind.rawValue + "--" + identifier.replacing("/", with: "--")
        for cache in hub {
            let repository = (cache as NSString).appendingPathComponent(name)
            if let found = Self.snapshot(in: repository, revision) { return found }
        }
        guard revision == "main" || revision == "master" else { return nil }
        let places = modelScope.flatMap { cache in
            // modelscope writes a point of a name as three underscores.
            [identifier, identifier.replacing(".", with: "___")].flatMap { id in
                ["\(kind.rawValue)/\(id)"] + (kind == .models ? [id] : [])
            }.map { (cache as NSString).appendingPathComponent($0) }
        }
        return places.first(where: Self.isFolder)
    }

    /// The folder of prepared tables of a dataset.
    package func table(of identifier: String) -> String? {
        guard Self.isIdentifier(identifier) else { return nil }
        let name = identifier.replacing("/", with: "___")
        return tables.map { ($0 as NSString).appendingPathComponent(name) }
            .first(where: Self.isFolder)
    }

    /// The snapshot that a revision of a repository names.
    private static func snapshot(in repository: String, _ revision: String) -> String? {
        let repository = repository as NSString
        let snapshots = repository.appendingPathComponent("snapshots") as NSString
        var names = [revision]
        let reference = repository.appendingPathComponent("refs/" + revision)
        if !revision.contains(".."), let data = FileManager.default.contents(atPath: reference) {
            let commit = String(decoding: data.prefix(128), as: UTF8.self)
                .trimmingCharacters(in: .whitespacesAndNewlines)
            names.insert(commit, at: 0)
        }
        return names.filter { isIdentifier($0) && !$0.contains("/") }
            .map { snapshots.appendingPathComponent($0) }.first(where: isFolder)
    }

    private static func isFolder(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
            && isFolder.boolValue
    }
}
