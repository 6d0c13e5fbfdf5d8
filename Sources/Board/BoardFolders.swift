package import Files
import Foundation
package import Serving

/// The folders that the board may read and write, and the paths that are in them.
///
/// Symbolic links are followed before a path is judged; `..` is refused wherever it stands.
package struct BoardFolders: Sendable {
    /// Where relative paths begin, and where runs are started.
    package let working: String
    /// Where runs lie.
    package let runs: String
    private let allowed: [String]

    /// - Parameters:
    ///   - working: the folder in which the board was started; it and what is in it are allowed.
    ///   - runs: made with the first run.
    ///   - further: other folders that are allowed.
    package init(working: String, runs: String, further: [String] = []) {
        self.working = Self.real(working)
        let begin = URL(fileURLWithPath: self.working, isDirectory: true)
        self.runs = Self.real(URL(fileURLWithPath: runs, relativeTo: begin).path)
        let others = further.map { Self.real(URL(fileURLWithPath: $0, relativeTo: begin).path) }
        allowed = [self.working, self.runs] + others
    }

    /// The path as the file system has it.
    ///
    /// - Throws: 403 where it is outside the allowed folders.
    package func path(_ text: String) throws(ServerProblem) -> String {
        let parts = text.split(separator: "/")
        let isSound = !parts.contains("..") && !text.hasPrefix("~") && !text.utf8.contains(0)
        let begin = URL(fileURLWithPath: working, isDirectory: true)
        let found = isSound ? Self.real(URL(fileURLWithPath: text, relativeTo: begin).path) : nil
        guard let found, allowed.contains(where: { Self.isInside(found, $0) }) else {
            throw ServerProblem(
                403,
                "'\(text)' is outside the folders of this board; start it with --allow FOLDER to "
                    + "use what is there", code: "outside")
        }
        return found
    }

    /// The folder of a run by its name below ``runs``.
    ///
    /// - Throws: 404 where the name is none or there is no such folder.
    package func run(_ name: String) throws(ServerProblem) -> String {
        let folder = try newRun(name)
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder),
            isFolder.boolValue
        else { throw ServerProblem(404, "there is no run '\(name)'", code: "no_run") }
        return folder
    }

    /// The same of a folder that need not be there.
    ///
    /// - Throws: 400 for a name that no run may have, 403 where it leads elsewhere.
    package func newRun(_ name: String) throws(ServerProblem) -> String {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        let isSound = parts.allSatisfy {
            !$0.isEmpty && !$0.hasPrefix(".") && $0.utf8.count <= 200
                && $0.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value != 127 }
        }
        guard isSound, parts.count <= 6 else {
            throw .invalid(
                "'\(name)' is no name of a run; expected up to six names between slashes, none of "
                    + "which begins with a dot")
        }
        let folder = Self.real(runs + "/" + name)
        guard Self.isInside(folder, runs), folder != runs else {
            throw ServerProblem(403, "'\(name)' leads out of the folder of runs", code: "outside")
        }
        return folder
    }

    /// The name of a run's folder below ``runs``.
    package func name(ofRun folder: String) -> String {
        folder.hasPrefix(runs + "/") ? String(folder.dropFirst(runs.count + 1)) : folder
    }

    /// The path as a user of the working folder would write it.
    package func shown(_ path: String) -> String {
        path.hasPrefix(working + "/") ? String(path.dropFirst(working.count + 1)) : path
    }

    /// Checks every text of a configuration as the path that it may be.
    ///
    /// - Throws: 403 for the first that leads outside; 400 for keys by which a page could start any
    ///   program.
    package func check(_ settings: [JSONValue.Member]) throws(ServerProblem) {
        for (key, value) in settings {
            if key.contains("command") { throw Self.startsPrograms(key) }
            if !Self.proseKeys.contains(key) { try check(value, of: key) }
        }
    }

    private static func startsPrograms(_ key: String) -> ServerProblem {
        ServerProblem(
            403, "\(key): the board starts no other programs; start this run from a terminal",
            param: key, code: "outside")
    }

    /// Keys whose values are no paths and may look like some.
    private static let proseKeys: Set = ["default_system", "run_name"]

    private func check(_ value: JSONValue, of key: String) throws(ServerProblem) {
        switch value {
        case .string(let text):
            let parts = text.split(separator: ",").map {
                $0.trimmingCharacters(in: .whitespaces)
            }
            for part in parts + [text] where !part.isEmpty {
                // A reward of grpo_reward that is a program's.
                if part.hasPrefix("command:") { throw Self.startsPrograms(key) }
                do {
                    _ = try path(part)
                } catch {
                    throw ServerProblem(
                        error.status, "\(key): \(error.message)", param: key, code: error.code)
                }
            }
        case .array(let items): for item in items { try check(item, of: key) }
        case .object(let members): for member in members { try check(member.value, of: key) }
        default: break
        }
    }

    private static func isInside(_ path: String, _ folder: String) -> Bool {
        path == folder || folder == "/" || path.hasPrefix(folder + "/")
    }

    /// The path with its links followed; of what is not there yet, those of the folders above. A link
    /// that leads nowhere counts as its target.
    private static func real(_ path: String, depth: Int = 0) -> String {
        let url = URL(fileURLWithPath: path).standardizedFileURL
        if FileManager.default.fileExists(atPath: url.path) {
            return url.resolvingSymlinksInPath().standardizedFileURL.path
        }
        let parent = url.deletingLastPathComponent()
        if depth < 32,
            let target = try? FileManager.default.destinationOfSymbolicLink(atPath: url.path)
        {
            return real(URL(fileURLWithPath: target, relativeTo: parent).path, depth: depth + 1)
        }
        guard url.path != "/" else { return "/" }
        let above = real(parent.path, depth: depth)
        return (above == "/" ? "" : above) + "/" + url.lastPathComponent
    }
}
