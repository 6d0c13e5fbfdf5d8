import Testing

/// mpirun starts ranks that were told different things.
@Suite struct RankConfigurationTests {
    /// Runs `first` as rank 0 and `second` as rank 1 of the program.
    private func run(
        _ folder: TrialFolder, _ first: String, _ second: String
    ) throws -> LockstepRun {
        // The ninth word is the program.
        try folder.run(
            ["train"], ranks: 2,
            shell: "set -- \"${@:1:7}\" 1 \"$9\" \(first) : -np 1 \"$9\" \(second)")
    }

    @Test(arguments: [
        ("train", "run.yaml", "gone.yaml", 1), ("train", "gone.yaml", "run.yaml", 0),
        ("train", "gone.yaml", "gone.yaml", 0), ("prepare", "gone.yaml", "run.yaml", 0),
        ("prepare", "gone.yaml", "gone.yaml", 0),
    ])
    func aFileThatOneRankDoesNotHaveIsNamed(
        _ command: String, _ first: String, _ second: String, _ rank: Int
    ) throws {
        let folder = try TrialFolder()
        let run = try run(folder, "\(command) \(first)", "\(command) \(second)")
        #expect(run.status == 2, "\(run.errors)")
        #expect(run.messages.count == 1, "\(run.errors)")
        let text = run.messages.first ?? ""
        #expect(text.contains("gone.yaml"), "\(text)")
        #expect(text.contains("(found by rank \(rank) on "), "\(text)")
        #expect(!folder.exists("out"))
    }

    @Test(arguments: [
        ("output_dir=out", "output_dir=other", "the configuration (output_dir): rank 1 on host "),
        ("seed=1", "seed=2", "the configuration (seed): rank 1 on host "),
        ("", "max_grad_norm=2", "the configuration (max_grad_norm): rank 1 on host "),
    ])
    func theKeyIsNamedInWhichRanksDiffer(
        _ first: String, _ second: String, _ text: String
    ) throws {
        let folder = try TrialFolder()
        let run = try run(folder, "train run.yaml \(first)", "train run.yaml \(second)")
        #expect(run.status == 2, "\(run.errors)")
        #expect(run.messages.count == 1, "\(run.errors)")
        #expect(run.messages.first?.hasPrefix("ranks differ in \(text)") == true, "\(run.messages)")
        #expect(!folder.exists("out") && !folder.exists("other"))
    }
}
