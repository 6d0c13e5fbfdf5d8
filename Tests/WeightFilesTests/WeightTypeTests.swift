import CheckpointSupport
import Foundation
import Testing
import WeightFiles

@Suite struct WeightTypeTests {
    private struct Rounding: Decodable {
        var float32: [UInt32]
        var bfloat16: [UInt16]
        var float16: [UInt16]
    }

    @Test func roundingEqualsPyTorchs() throws {
        let table = try Sample.decode(Rounding.self, "rounding.json")
        #expect(table.float32.count > 5000)
        for (index, bits) in table.float32.enumerated() {
            let value = Float(bitPattern: bits)
            #expect(WeightType.bfloat16(value) == table.bfloat16[index], "\(value)")
            #expect(WeightType.float16(value) == table.float16[index], "\(value)")
        }
    }

    @Test func everyHalfSurvivesTheWayToFloatAndBack() {
        var wrong = 0
        for bits in UInt16.min...UInt16.max {
            let half = WeightType.float(float16: bits)
            let brain = WeightType.float(bfloat16: bits)
            if half.isNaN != (bits & 0x7FFF > 0x7C00) { wrong += 1 }
            if brain.isNaN != (bits & 0x7FFF > 0x7F80) { wrong += 1 }
            if !half.isNaN && WeightType.float16(half) != bits { wrong += 1 }
            if !brain.isNaN && WeightType.bfloat16(brain) != bits { wrong += 1 }
        }
        #expect(wrong == 0)
    }

    @Test func nanStaysNaN() {
        for bits: UInt32 in [0x7F80_0001, 0xFFFF_FFFF, 0x7FC0_0000] {
            let value = Float(bitPattern: bits)
            #expect(WeightType.float(float16: WeightType.float16(value)).isNaN)
            #expect(WeightType.float(bfloat16: WeightType.bfloat16(value)).isNaN)
        }
    }

    @Test func settingsSpellingsAreKnown() {
        #expect(WeightType(setting: "fp32") == .float32)
        #expect(WeightType(setting: "bfloat16") == .bfloat16)
        #expect(WeightType(setting: "fp16") == .float16)
        #expect(WeightType(setting: "int8") == nil)
    }
}
