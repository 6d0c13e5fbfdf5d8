/// How this process was started, and the communicator that follows from it.
package enum Launch {
    /// What a launcher told this process about its place.
    package struct Place: Equatable, Sendable {
        /// Number of processes it started; `nil` where it does not say.
        package let ranks: Int?
        /// Which of them this is.
        package let rank: Int?
        /// The variable that says so, such as `OMPI_COMM_WORLD_SIZE`.
        package let source: String
        /// Whether Open MPI can find the other processes through this launcher at all.
        let canMeet: Bool
    }

    /// The communicator for this process: alone after a plain start, MPI under a launcher.
    ///
    /// MPI is not touched after a plain start. N processes that do not see each other are refused,
    /// so they never train N copies of the same model.
    /// - Throws: ``CommunicationError/launch(problem:advice:launcherRank:)`` where launcher and MPI
    ///   disagree; ``CommunicationError/mpi(call:message:rank:host:)`` where MPI does not start.
    package static func communicator(
        environment: [String: String], pieceBytes: Int = 1 << 22, ranksPerHost: Int? = nil
    ) throws(CommunicationError) -> any Communicator {
        guard let place = try place(environment: environment) else { return SingleProcess() }
        guard place.canMeet else {
            throw .launch(
                problem: "srun started \(place.ranks ?? 0) processes (\(place.source)) without "
                    + "PMIx, so they cannot find each other",
                advice: "start them with `srun --mpi=pmix` or with mpirun inside the allocation",
                launcherRank: place.rank ?? 0)
        }
        let communicator = try MPICommunicator(pieceBytes: pieceBytes, ranksPerHost: ranksPerHost)
        if let error = disagreement(
            of: place, rank: communicator.rank, size: communicator.size,
            library: communicator.libraryVersion)
        {
            _ = communicator.close(within: 5)
            throw error
        }
        return communicator
    }

    /// What the launcher says, read from its variables; `nil` after a plain start.
    ///
    /// Inside a Slurm batch script `SLURM_NTASKS` is set for every program, so only the variables
    /// of a job step (srun) count.
    package static func place(
        environment: [String: String]
    ) throws(CommunicationError) -> Place? {
        let openMPIRanks = try number("OMPI_COMM_WORLD_SIZE", in: environment)
        let openMPIRank = try number("OMPI_COMM_WORLD_RANK", in: environment)
        let pmiRanks = try number("PMI_SIZE", in: environment)
        let pmiRank = try number("PMI_RANK", in: environment)
        let pmixRank = try number("PMIX_RANK", in: environment)
        let stepTasks = try stepTasks(environment)
        let stepRank = try number("SLURM_PROCID", in: environment)

        if openMPIRanks != nil || openMPIRank != nil {
            return Place(
                ranks: openMPIRanks, rank: openMPIRank, source: "OMPI_COMM_WORLD_SIZE",
                canMeet: true)
        }
        if let pmiRanks, pmiRanks > 1 {
            return Place(ranks: pmiRanks, rank: pmiRank, source: "PMI_SIZE", canMeet: true)
        }
        if let stepTasks, stepTasks > 1 {
            return Place(
                ranks: stepTasks, rank: pmixRank ?? pmiRank ?? stepRank,
                source: "SLURM_STEP_NUM_TASKS", canMeet: pmixRank != nil || pmiRank != nil)
        }
        if let pmixRank, stepTasks == nil, pmiRanks == nil {
            return Place(ranks: nil, rank: pmixRank, source: "PMIX_RANK", canMeet: true)
        }
        return nil
    }

    /// What is wrong if MPI sees `rank` of `size` where the launcher told `place`.
    package static func disagreement(
        of place: Place, rank: Int, size: Int, library: String
    ) -> CommunicationError? {
        if let ranks = place.ranks, ranks != size {
            let seen = size == 1 ? "only itself" : "\(size)"
            return .launch(
                problem: "the launcher started \(ranks) processes (\(place.source)) but MPI sees "
                    + "\(seen)",
                advice: "start lockstep with the mpirun of \(library), the library it is linked to"
                    + ", not with another MPI's",
                launcherRank: place.rank ?? rank)
        }
        if let launcherRank = place.rank, launcherRank != rank {
            return .launch(
                problem: "the launcher calls this process rank \(launcherRank) but MPI calls it "
                    + "rank \(rank) of \(size)",
                advice: "start lockstep with the mpirun of \(library) and nothing in between",
                launcherRank: launcherRank)
        }
        return nil
    }

    /// The number of tasks of the srun step this process belongs to.
    private static func stepTasks(
        _ environment: [String: String]
    ) throws(CommunicationError) -> Int? {
        let step = try number("SLURM_STEP_ID", in: environment)
        // Slurm numbers its own steps (batch script, interactive shell) from 0xFFFF_FFF0 up.
        guard let step, step < 0xFFFF_FFF0 else { return nil }
        return try number("SLURM_STEP_NUM_TASKS", in: environment)
    }

    private static func number(
        _ name: String, in environment: [String: String]
    ) throws(CommunicationError) -> Int? {
        guard let text = environment[name] else { return nil }
        guard let value = Int(text), value >= 0 else {
            throw .launch(
                problem: "the launcher set \(name) to '\(text)', expected a number",
                advice:
                    "unset it for a run without mpirun, or start lockstep with Open MPI's mpirun",
                launcherRank: 0)
        }
        return value
    }
}
