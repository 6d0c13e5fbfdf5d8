import Autograd
import Kernels
import TestSupport
import Testing

/// Losses of vectors against sentence-transformers and SimCSE (scripts/references/contrastive.py).
@Suite struct InBatchContrastTests {
    struct Case: CustomTestStringConvertible {
        let name: String
        let texts: Int
        let width: Int
        let form: ContrastForm
        var testDescription: String { name }
    }

    static let cases = [
        Case(name: "pairs", texts: 2, width: 3, form: ContrastForm(scale: 20)),
        Case(
            name: "symmetric", texts: 2, width: 6,
            form: ContrastForm(scale: 20, isSymmetric: true)),
        Case(
            name: "negatives", texts: 3, width: 3,
            form: ContrastForm(scale: 5, isSymmetric: true)),
        Case(
            name: "weighted", texts: 3, width: 4,
            form: ContrastForm(scale: 12, ownNegativeBias: 0.9)),
        Case(
            name: "masked", texts: 3, width: 4, form: ContrastForm(scale: 10, isSymmetric: true)),
    ]

    /// Which texts are equal; `nil` where all count as different.
    private func identities(_ one: Case, _ file: ReferenceFile) throws -> [UInt64]? {
        file.has(one.name + ".identities")
            ? try file.integers(one.name + ".identities").map { UInt64($0) } : nil
    }

    // Logits of up to 20 rounded to float32 (2e-6 of them), sums of up to 540 terms.
    @Test(arguments: cases, [1, 3])
    func lossAndGradientEqualThePeers(one: Case, threads: Int) throws {
        let file = try ReferenceFile("contrastive/vectors.safetensors")
        let vectors = try file.floats(one.name + ".vectors")
        let rows = vectors.count / (one.texts * one.width)
        let found = Workspace(threads: threads).contrast(
            vectors, texts: one.texts, width: one.width, of: Array(0..<rows), one.form,
            identities: try identities(one, file))
        let wanted = Double(try file.floats(one.name + ".loss")[0])
        let mean = found.losses.reduce(0, +) / Double(rows)
        #expect(abs(mean - wanted) < 2e-6 * wanted)
        let gradient = found.gradient.map { $0 / Float(rows) }
        #expect(Difference.relative(gradient, try file.floats(one.name + ".gradient")) < 1e-5)
    }

    /// What a rank computes of its samples has the bits that it has where all are computed.
    @Test(arguments: cases)
    func aRanksShareHasTheBitsOfTheWhole(one: Case) throws {
        let file = try ReferenceFile("contrastive/vectors.safetensors")
        let vectors = try file.floats(one.name + ".vectors")
        let stride = one.texts * one.width
        let rows = vectors.count / stride
        let whole = Workspace(threads: 1).contrast(
            vectors, texts: one.texts, width: one.width, of: Array(0..<rows), one.form,
            identities: try identities(one, file))
        for share in [Array(0..<rows / 2), Array(rows / 2..<rows), [rows - 1], []] {
            let part = Workspace(threads: 2).contrast(
                vectors, texts: one.texts, width: one.width, of: share, one.form,
                identities: try identities(one, file))
            #expect(part.losses == share.map { whole.losses[$0] })
            #expect(
                part.gradient
                    == share.flatMap { whole.gradient[$0 * stride..<($0 + 1) * stride] })
        }
    }

    @Test func unitRowsEqualTorchs() throws {
        let file = try ReferenceFile("contrastive/vectors.safetensors")
        let run = OpRun()
        let x = run.leaf([4, 7], try file.floats("units.x"))
        let y = run.pass.unitRows(x.tensor)
        #expect(
            Difference.absolute(run.workspace.numbers(y), try file.floats("units.y")) < 1e-6)
        run.backward(y, try file.floats("units.dy"))
        let (found, wanted) = (try #require(x.gradient), try file.floats("units.dx"))
        for row in 0..<4 {
            let places = row * 7..<(row + 1) * 7
            #expect(
                Difference.relative(Array(found[places]), Array(wanted[places])) < 1e-5,
                "row \(row)")
        }
    }
}
