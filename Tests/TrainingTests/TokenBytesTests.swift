import Autograd
import Foundation
import Kernels
import Models
import Objectives
import TestSupport
import Testing
import TextData
import TokenizerSupport
import Tokenizers
import Training

@Suite struct TokenBytesTests {
    // Byte-level tokens stand for the bytes of a text, whatever parts it in; RoBERTa's puts a space before
    // it unless there is one.
    @Test(arguments: [("gpt2", 0), ("smollm2", 0), ("llama3", 0), ("roberta", 1)])
    func tokensStandForTheBytesOfATextThatTheyAreOf(kind: String, added: Int) throws {
        let fixtures = TokenizerFixtures()
        let tokenizer = try fixtures.tokenizer(kind)
        let bytes = TokenBytes(tokenizer)
        for text in ["The cat sat.", " two  spaces\n", "naïve 東京 🙂", "x"] {
            let ids = tokenizer.encode(text, addSpecialTokens: false)
            let more = text.hasPrefix(" ") ? 0 : added
            #expect(bytes.count(ids) == text.utf8.count + more, "\(text)")
        }
        let end = try #require(
            (0..<Int32(tokenizer.vocabularySize)).first(where: tokenizer.isSpecial))
        #expect(bytes.count([end, -100, 1 << 20]) == 0)
    }

    @Test func bitsOfHeldOutTextAreItsLossOverItsBytes() throws {
        let workspace = Workspace(threads: 1)
        let model = try ModelCatalog.model(
            configuration: try References.text("models/llama/config.json"))
        let store = ParameterStore(
            model.parameters, computeType: .float32, training: false, in: workspace)
        store.initialize(seed: 3)
        let objective = CausalPretraining(model)
        #expect(objective.evaluationFigureNames.isEmpty)
        objective.tokenBytes = TokenBytes([0, 1, 2, 3, 4])
        let batch = TokenBatch(
            rows: 2, columns: 3, ids: [1, 2, 3, 4, 1, 2], targets: [2, 3, 4, -100, 0, 6])
        let pass = ForwardPass(workspace: workspace, computeType: .float32)
        let found = objective.evaluate(batch, in: pass)
        // 2 + 3 + 4 bytes: id 0 is special, id 6 none of the tokenizer's; both have their loss.
        let bits = found.loss.sum / log(2) / 9
        #expect(found.loss.targets == 5 && found.figures.means.map(\.name) == ["bits_per_byte"])
        #expect(abs((found.figures.means.first?.value ?? 0) - bits) < 1e-12)
    }

    @Test func aLossThatIsNotTheCrossEntropyHasNoBits() throws {
        let model = try ModelCatalog.model(
            configuration: try References.text("models/llama/config.json"))
        let objective = CausalPretraining(
            model, lossForm: LossForm(divergence: 0.1, anchor: .uniform))
        objective.tokenBytes = TokenBytes([1])
        #expect(objective.evaluationFigureNames.isEmpty)
    }
}
