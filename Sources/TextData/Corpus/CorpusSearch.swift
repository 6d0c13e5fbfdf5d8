import Files
import Foundation

/// Finds the files that a list of inputs names: files, folders and patterns.
///
/// Inputs keep their order; files inside a folder or matching a pattern are sorted by the bytes of
/// their paths. A file reached twice is taken once, at its first place. In folders, hidden files
/// and files whose name is not one of a text file are passed over.
struct CorpusSearch {
    /// A folder that is never searched: the one that shards go to.
    let excludedFolder: String
    private(set) var files: [CorpusFile] = []
    /// Files in folders whose names are not those of text files.
    private(set) var passedOver: [String] = []
    private var known: Set<String> = []

    init(excludedFolder: String) {
        self.excludedFolder = CorpusSearch.resolved(excludedFolder)
    }

    /// Adds what `input` names.
    ///
    /// - Throws: ``CorpusError/noInput(_:)`` when there is no such file and nothing matches,
    ///   ``CorpusError/unsupportedFile(file:kind:)``, ``CorpusError/system(call:code:file:)``.
    mutating func add(_ input: String) throws(CorpusError) {
        if let status = CorpusSearch.status(input) {
            try add(input, name: CorpusSearch.baseName(input), status)
            return
        }
        let matches = PathPattern(input).matches()
        guard !matches.isEmpty else { throw .noInput(input) }
        for match in matches {
            guard let status = CorpusSearch.status(match) else { throw .noInput(match) }
            try add(match, name: CorpusSearch.baseName(match), status)
        }
    }

    private mutating func add(_ path: String, name: String, _ status: stat) throws(CorpusError) {
        if status.st_mode & S_IFMT == S_IFDIR {
            try addFolder(path, name: name)
        } else {
            try CorpusError.ofFile { () throws(FileProblem) in try RegularFile.check(path) }
            let (format, compression) = try CorpusFile.namedKind(of: path)
            append(path, name: name, status, format, compression)
        }
    }

    private mutating func addFolder(_ folder: String, name: String) throws(CorpusError) {
        let resolved = CorpusSearch.resolved(folder)
        // A folder seen before is a loop of symbolic links, or was named twice.
        guard resolved != excludedFolder, known.insert(resolved).inserted else { return }
        for entry in try CorpusSearch.entries(of: folder) where !entry.hasPrefix(".") {
            let path = folder + "/" + entry
            guard let status = CorpusSearch.status(path) else { continue }
            if status.st_mode & S_IFMT == S_IFDIR {
                try addFolder(path, name: name + "/" + entry)
            } else if status.st_mode & S_IFMT == S_IFREG,
                let (format, compression) = CorpusFile.kind(of: entry)
            {
                append(path, name: name + "/" + entry, status, format, compression)
            } else {
                passedOver.append(path)
            }
        }
    }

    private mutating func append(
        _ path: String, name: String, _ status: stat, _ format: CorpusFile.Format,
        _ compression: CorpusFile.Compression
    ) {
        guard known.insert(CorpusSearch.resolved(path)).inserted else { return }
        let modified = status.st_mtim.tv_sec * 1_000_000_000 + status.st_mtim.tv_nsec
        files.append(
            CorpusFile(
                path: path, name: name, size: Int(status.st_size), modified: modified,
                format: format, compression: compression))
    }

    // MARK: The file system

    /// What the system knows of a path, links followed; `nil` when there is nothing.
    static func status(_ path: String) -> stat? {
        var status = stat()
        return stat(path, &status) == 0 ? status : nil
    }

    /// The names in a folder, sorted by their bytes.
    ///
    /// - Throws: ``CorpusError/system(call:code:file:)`` when the folder cannot be read.
    static func entries(of folder: String) throws(CorpusError) -> [String] {
        guard let directory = opendir(folder) else {
            throw .system(call: "opendir", code: errno, file: folder)
        }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// The path with links followed and without dots, as far as it exists.
    private static func resolved(_ path: String) -> String {
        guard let real = realpath(path, nil) else { return path }
        defer { free(real) }
        return String(cString: real)
    }

    private static func baseName(_ path: String) -> String {
        let name = (path as NSString).lastPathComponent
        guard name == "." || name == ".." || name.isEmpty else { return name }
        return (resolved(path) as NSString).lastPathComponent
    }
}

/// A path with `*`, `?` and `[…]` in its components; a component `**` stands for any number of
/// folders, none included.
struct PathPattern {
    private let root: String
    private let components: [String]

    init(_ pattern: String) {
        root = pattern.hasPrefix("/") ? "/" : ""
        components = pattern.split(separator: "/").map(String.init)
    }

    /// Paths that exist and match, each folder's sorted by their bytes.
    func matches() -> [String] {
        guard components.contains(where: { $0.contains { "*?[".contains($0) } }) else { return [] }
        var found: [String] = []
        collect(under: root, components[...], into: &found)
        return found
    }

    private func collect(
        under prefix: String, _ rest: ArraySlice<String>, into found: inout [String]
    ) {
        guard let component = rest.first else {
            found.append(prefix)
            return
        }
        let after = rest.dropFirst()
        let folder = prefix.isEmpty ? "." : prefix
        func path(_ name: String) -> String {
            prefix.isEmpty ? name : prefix.hasSuffix("/") ? prefix + name : prefix + "/" + name
        }
        if component == "**" {
            if !after.isEmpty { collect(under: prefix, after, into: &found) }
            for name in (try? CorpusSearch.entries(of: folder)) ?? [] where !name.hasPrefix(".") {
                if isFolder(path(name), followingLinks: false) {
                    collect(under: path(name), rest, into: &found)
                } else if after.isEmpty {
                    found.append(path(name))
                }
            }
            return
        }
        guard component.contains(where: { "*?[".contains($0) }) else {
            let next = path(component)
            if CorpusSearch.status(next) != nil { collect(under: next, after, into: &found) }
            return
        }
        for name in (try? CorpusSearch.entries(of: folder)) ?? []
        where fnmatch(component, name, FNM_PERIOD) == 0
            && (after.isEmpty || isFolder(path(name), followingLinks: true))
        {
            collect(under: path(name), after, into: &found)
        }
    }

    /// Under `**` links are not followed, so that a loop of them ends.
    private func isFolder(_ path: String, followingLinks: Bool) -> Bool {
        var status = stat()
        guard (followingLinks ? stat(path, &status) : lstat(path, &status)) == 0 else {
            return false
        }
        return status.st_mode & S_IFMT == S_IFDIR
    }
}
