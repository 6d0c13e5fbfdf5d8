import Testing
import Training

@Suite struct DataRecordTests {
    private let kept = DataRecord(content: "a", files: "f", samples: 10, orderSeed: 42)

    @Test func dataThatAreAsTheyWereAreNoChange() {
        #expect(kept.changes(since: kept).isEmpty)
        // What one of the two does not know is not compared.
        let unknown = DataRecord(content: nil, files: nil, samples: 10, orderSeed: 42)
        #expect(unknown.changes(since: kept).isEmpty && kept.changes(since: unknown).isEmpty)
    }

    @Test(arguments: [
        (DataRecord(content: "b", files: "f", samples: 10, orderSeed: 42), "its tokens are others"),
        (
            DataRecord(content: "a", files: "g", samples: 10, orderSeed: 42),
            "the rows of its files are others"
        ),
        (
            DataRecord(content: "a", files: "f", samples: 9, orderSeed: 42),
            "9 samples are trained on, not 10 (val_size, max_samples)"
        ),
        (
            DataRecord(content: "a", files: "f", samples: 10, orderSeed: 7),
            "the order is that of data_seed 7, not data_seed 42"
        ),
        (
            DataRecord(content: "a", files: "f", samples: 10, orderSeed: nil),
            "the order is that of file order, not data_seed 42"
        ),
        (
            DataRecord(content: "a", files: "f", samples: 10, orderSeed: 42, isGrouped: true),
            "its order is now grouped by length"
        ),
    ])
    func whatChangedIsNamed(_ record: DataRecord, _ text: String) {
        #expect(record.changes(since: kept) == [text])
    }
}

@Suite struct StopRequestTests {
    @Test func aStepThatIsAlmostOverIsFinished() {
        let stop = StopRequest(afterSeconds: nil)
        stop.request()
        #expect(!stop.leavesStep(done: 3, of: 4, seconds: 0.6, before: 1))
        #expect(stop.leavesStep(done: 3, of: 4, seconds: 30, before: 1))
        #expect(stop.leavesStep(done: 1, of: 400, seconds: 0.025, before: 0))
    }

    @Test func aStepThatHasNotBegunIsJudgedByTheOneBefore() {
        let stop = StopRequest(afterSeconds: nil)
        stop.request()
        #expect(!stop.leavesStep(done: 0, of: 400, seconds: 0, before: 0.1))
        #expect(stop.leavesStep(done: 0, of: 400, seconds: 0, before: 10))
    }

    @Test func nobodyLeavesWithoutARequest() {
        let stop = StopRequest(afterSeconds: nil)
        #expect(!stop.leavesStep(done: 1, of: 400, seconds: 10, before: 1000))
    }

    @Test func timeThatIsUpLeavesNoFirstStep() {
        let stop = StopRequest(afterSeconds: 0)
        #expect(!stop.leavesStep(done: 1, of: 400, seconds: 10, before: 0))
        #expect(stop.leavesStep(done: 1, of: 400, seconds: 10, before: 1000))
    }
}
