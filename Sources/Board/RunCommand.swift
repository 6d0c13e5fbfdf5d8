import Foundation
package import Serving

/// The command of a run, for this machine or for Slurm.
package struct RunCommand: Sendable, Equatable {
    /// The words that are shown and run.
    package let words: [String]
    package let ranks: Int
    /// Lines for Slurm; `nil` for a run on this machine.
    package let batchOptions: [String]?

    /// - Parameters:
    ///   - program: the path of `lockstep`.
    ///   - file: the run's settings.
    ///   - overrides: `key=value` after the file.
    ///   - processors: of this machine.
    ///   - isRoot: whether mpirun has to be told that root may run it.
    package init(
        _ form: BoardForm, task: BoardForm.Task, program: String, file: String,
        overrides: [String] = [], processors: Int, isRoot: Bool
    ) throws(ServerProblem) {
        let own = [program, form.command(for: task), file] + overrides
        guard task != .export else {
            (words, ranks, batchOptions) = (own, 1, nil)
            return
        }
        if form.text("train.launcher") == "slurm" {
            let nodes = try Self.count(form, "slurm.nodes")
            let tasks = try Self.count(form, "slurm.ntasks_per_node")
            ranks = nodes * tasks
            batchOptions = try Self.options(form, nodes: nodes, tasks: tasks)
            words = ["srun", "--mpi=pmix", "--kill-on-bad-exit=1"] + own
            return
        }
        batchOptions = nil
        ranks = try Self.count(form, "train.device_count")
        let hosts = form.text("train.hostfile")
        guard ranks > 1 || !hosts.isEmpty else {
            words = own
            return
        }
        var launcher = [program, "launch", "mpirun", "-q", "-np", "\(ranks)"]
        if isRoot { launcher.append("--allow-run-as-root") }
        if !hosts.isEmpty {
            launcher += ["--hostfile", hosts]
        } else if ranks > processors {
            launcher += ["--oversubscribe", "--bind-to", "none"]
        }
        words = launcher + own
    }

    /// The command as a shell reads it.
    package var line: String { words.map(Self.quoted).joined(separator: " ") }

    private static func count(_ form: BoardForm, _ field: String) throws(ServerProblem) -> Int {
        let text = form.text(field)
        guard let count = Int(text), (1...4096).contains(count) else {
            throw .invalid("\(field): found '\(text)', expected 1 to 4096", param: field)
        }
        return count
    }

    /// What Slurm is asked for. Values are words without spaces or quotes.
    private static func options(
        _ form: BoardForm, nodes: Int, tasks: Int
    ) throws(ServerProblem) -> [String] {
        var options = ["--nodes=\(nodes)", "--ntasks-per-node=\(tasks)"]
        for name in ["cpus_per_task", "time", "partition", "account"] {
            let field = "slurm." + name
            let text = form.text(field)
            guard !text.isEmpty else { continue }
            let isWord = text.unicodeScalars.allSatisfy {
                $0.properties.isAlphabetic && $0.isASCII || ("0"..."9").contains($0)
                    || "_-.:,".unicodeScalars.contains($0)
            }
            guard isWord, text.utf8.count <= 100 else {
                throw .invalid(
                    "\(field): found '\(text)', expected letters, digits and _-.:,", param: field)
            }
            options.append("--\(name.replacing("_", with: "-"))=\(text)")
        }
        return options
    }

    /// A word in quotes where a shell would take it apart.
    package static func quoted(_ word: String) -> String {
        let isPlain =
            !word.isEmpty
            && word.unicodeScalars.allSatisfy {
                $0.isASCII && ($0.properties.isAlphabetic || ("0"..."9").contains($0))
                    || "_-./=:,+@%".unicodeScalars.contains($0)
            }
        return isPlain ? word : "'" + word.replacing("'", with: "'\\''") + "'"
    }

    /// The script that runs the command and leaves its process's number and its status in the folder.
    ///
    /// - Parameters:
    ///   - folder: of the run.
    ///   - working: where the command is run.
    package func script(folder: String, working: String, name: String) -> String {
        let status = Self.quoted(folder + "/" + RunFolder.statusName)
        let process = Self.quoted(folder + "/" + RunFolder.processName)
        let log = Self.quoted(folder + "/" + RunFolder.logName)
        guard let batchOptions else {
            return """
                #!/bin/sh
                cd \(Self.quoted(working)) || exit 1
                \(line) </dev/null >>\(log) 2>&1 &
                echo $! >\(process)
                while kill -0 $! 2>/dev/null; do wait $!; status=$?; done
                echo "${status:-1}" >\(status)

                """
        }
        // Signals go to the ranks, which save and end; the script lives on to note their status.
        let options =
            batchOptions + [
                "--job-name=\(name)", "--output=\(log)", "--open-mode=append", "--signal=USR1@180",
            ]
        return "#!/bin/bash\n" + options.map { "#SBATCH \($0)\n" }.joined() + """
            cd \(Self.quoted(working)) || exit 1
            \(line)
            echo $? >\(status)

            """
    }
}
