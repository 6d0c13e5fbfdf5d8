import Board
import Files
import Foundation
import Serving
import TestSupport

/// A working folder with a program that stands for `lockstep`: it logs a step, then waits until it is
/// asked to save and stop or its folder is gone, or ends by itself.
final class BoardTrial {
    let folder: TemporaryFolder
    let folders: BoardFolders
    let starter: RunStarter

    init() throws {
        folder = try TemporaryFolder()
        _ = try folder.makeFolder("tools")
        _ = try folder.makeFolder("models")
        try folder.write("program", Self.program)
        // What sbatch, squeue and scancel are asked is noted; a job runs until it is cancelled.
        try folder.write(
            "tools/sbatch", "#!/bin/sh\necho \"$@\" >>\"${0%/*}/calls\"\necho '41;c'\n")
        try folder.write(
            "tools/squeue", "#!/bin/sh\n[ -e queued ] && echo PENDING && exit 0\necho RUNNING\n")
        try folder.write("tools/scancel", "#!/bin/sh\necho \"scancel $@\" >>\"${0%/*}/calls\"\n")
        for name in ["program", "tools/sbatch", "tools/squeue", "tools/scancel"] {
            chmod(folder.path(name), 0o755)
        }
        folders = BoardFolders(working: folder.path, runs: "saves")
        starter = RunStarter(
            folders: folders, program: folder.path("program"), processors: 2,
            searchPath: folder.path("tools") + ":/usr/bin:/bin")
    }

    private static let program = """
        #!/bin/sh
        # train FILE [overrides]
        trap 'echo "lockstep: stopped on request, the checkpoint is saved" >&2; exit 75' USR1
        out=$(dirname "$2")
        echo "$@" >>"$out/arguments"
        echo '{"current_steps": 1, "total_steps": 9, "loss": 2.5}' >>"$out/trainer_log.jsonl"
        echo "begun" >&2
        [ -e "$out/fails" ] && echo "lockstep: rank 0: disk full" >&2 && exit 1
        [ -e "$out/ends" ] && exit 0
        while [ -e "$2" ]; do sleep 0.05; done

        """

    func form(_ fields: [JSONValue.Member] = []) throws -> BoardForm {
        try BoardForm(.object([("top.model_path", .string("models"))] + fields))
    }

    /// The folder of a run, made.
    func run(_ name: String) throws -> String {
        _ = try folder.makeFolder("saves/" + name)
        return try folders.run(name)
    }

    func state(_ path: String) -> RunFolder.State { starter.state(of: RunFolder(path)) }

    /// Waits until a run has been started so many times, and may be asked to stop.
    func begins(_ path: String, times: Int = 1) -> Bool {
        waits {
            let log = try? String(contentsOfFile: path + "/trainer_log.jsonl", encoding: .utf8)
            return RunFolder(path).process != nil
                && log?.split(separator: "\n").count == times
        }
    }

    /// Waits until something is so; at most ten seconds, which is long for a shell script.
    func waits(until isSo: () -> Bool) -> Bool {
        for _ in 0..<1000 {
            if isSo() { return true }
            usleep(10_000)
        }
        return false
    }

    /// Services that know no model and no data.
    var services: BoardServices {
        BoardServices(
            version: "0", keys: ["learning_rate"],
            readYAML: { text throws(ServerProblem) in Self.read(text) },
            check: { yaml, _ in
                .init(problem: yaml.contains("bad") ? "stage: bad" : nil, notices: ["a notice"])
            },
            preview: { _, _ throws(ServerProblem) in
                [
                    .init(
                        title: "chosen",
                        pieces: [
                            .init(text: "Q", isLearned: false), .init(text: "A", isLearned: true),
                        ])
                ]
            },
            load: { _ throws(ServerProblem) in ["loaded"] }, unload: {}, loaded: { "m" })
    }

    /// The lines that ``YAMLText`` writes, and JSON.
    private static func read(_ text: String) -> JSONValue {
        if let value = try? JSONValueReader.read(Array(text.utf8)[...]) { return value }
        let members: [JSONValue.Member] = text.split(separator: "\n").compactMap { line in
            guard let colon = line.range(of: ": ") else { return nil }
            let word = line[colon.upperBound...]
            let value = try? JSONValueReader.read(Array(word.utf8)[...])
            return (String(line[..<colon.lowerBound]), value ?? .string(String(word)))
        }
        return .object(members)
    }
}
