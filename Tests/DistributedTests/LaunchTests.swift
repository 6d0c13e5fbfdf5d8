import Distributed
import Foundation
import Testing

struct LaunchTests {
    @Test func aPlainStartIsAloneAndHasNoMPI() throws {
        let communicator = try Launch.communicator(environment: ["PATH": "/bin"])
        #expect(communicator is SingleProcess)
        #expect(communicator.size == 1)
        #expect(!communicator.hostName.isEmpty)
    }

    @Test func openMPIsVariablesComeFirst() throws {
        let place = try Launch.place(environment: [
            "OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "3", "PMIX_RANK": "3",
            "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "2",
        ])
        #expect(place?.ranks == 4)
        #expect(place?.rank == 3)
        #expect(place?.source == "OMPI_COMM_WORLD_SIZE")
    }

    @Test func aSlurmBatchScriptIsAPlainStart() throws {
        let environment = ["SLURM_JOB_ID": "7", "SLURM_NTASKS": "16", "SLURM_PROCID": "0"]
        #expect(try Launch.place(environment: environment) == nil)
    }

    @Test func slurmsOwnStepsArePlainStarts() throws {
        let environment = [
            "SLURM_STEP_ID": "4294967290", "SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "0",
        ]
        #expect(try Launch.place(environment: environment) == nil)
    }

    @Test func srunWithPMIxNamesItsTasks() throws {
        let place = try Launch.place(environment: [
            "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "4", "PMIX_RANK": "2",
        ])
        #expect(place?.ranks == 4)
        #expect(place?.rank == 2)
    }

    @Test func srunWithoutPMIxIsRefusedBeforeMPIStarts() {
        let environment = [
            "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "1",
        ]
        #expect {
            _ = try Launch.communicator(environment: environment)
        } throws: { error in
            guard case CommunicationError.launch(let problem, let advice, 1) = error else {
                return false
            }
            return problem.contains("4 processes") && advice.contains("--mpi=pmix")
        }
    }

    @Test func anUnreadableVariableIsRefused() {
        #expect(throws: CommunicationError.self) {
            _ = try Launch.place(environment: ["OMPI_COMM_WORLD_SIZE": "four"])
        }
    }

    @Test func ranksThatDoNotSeeEachOtherAreADisagreement() throws {
        let place = try #require(
            try Launch.place(environment: ["PMI_SIZE": "4", "PMI_RANK": "2"]))
        let error = Launch.disagreement(of: place, rank: 0, size: 1, library: "Open MPI v4")
        #expect(error?.description.contains("started 4 processes (PMI_SIZE)") == true)
        #expect(error?.exitStatus == .mistake)
        #expect(Launch.disagreement(of: place, rank: 2, size: 4, library: "") == nil)
    }

    @Test func anotherRankNumberIsADisagreement() throws {
        let place = try #require(
            try Launch.place(environment: [
                "OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "3",
            ]))
        let error = Launch.disagreement(of: place, rank: 1, size: 4, library: "Open MPI v4")
        #expect(
            error?.description.contains("calls this process rank 3 but MPI calls it rank 1") == true
        )
    }

    @Test func oneOfManyCopiesPrintsWhyTheyAreRefused() throws {
        for rank in 0...1 {
            let run = try MPIRun(
                alone: "place", environment: ["PMI_SIZE": "2", "PMI_RANK": String(rank)])
            #expect(run.status == 2)
            #expect(run.messages.count == (rank == 0 ? 1 : 0), "\(run.errors)")
            #expect(run.finishedRanks.isEmpty)
        }
    }
}
