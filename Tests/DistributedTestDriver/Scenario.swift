import Distributed
import Foundation

/// What every rank does in one test.
typealias Scenario = (any Communicator) throws(CommunicationError) -> Void

/// Ends the run with status 3 unless the condition holds.
func expect(_ condition: Bool, _ message: @autoclosure () -> String) {
    guard !condition else { return }
    FileHandle.standardError.write(Data("expectation failed: \(message())\n".utf8))
    exit(3)
}

/// A float buffer that lives as long as its scenario.
func makeBuffer(_ count: Int, _ value: (Int) -> Float) -> UnsafeMutableBufferPointer<Float> {
    let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: count)
    for index in 0..<count { buffer.initializeElement(at: index, to: value(index)) }
    return buffer
}
