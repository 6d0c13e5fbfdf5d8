import Autograd
import Models
import Objectives
import TestSupport
import Testing

/// Which stages say that a model's loss of equally used experts is not part of theirs.
@Suite struct ExpertBalanceTests {
    private func notes(of folder: String) throws -> [String?] {
        let text = try References.text("moe/\(folder)/config.json")
        let model = try ModelCatalog.model(configuration: text)
        let scoring = try ModelCatalog.model(configuration: text, for: .task(.valueHead))
        let silent: [any Objective] = [
            CausalPretraining(model),
            SupervisedFinetuning(model, lossForm: LossForm(), computesAccuracy: false),
        ]
        #expect(silent.allSatisfy { $0.balanceNote(model.description) == nil })
        let others: [any Objective] = [
            PairPreference(model, PairLoss(), lengthWeight: 1),
            AnswerDesirability(model, DesirabilityLoss()), PairRanking(scoring),
            ProximalPolicy(scoring),
            GroupPolicy(
                model, PolicyLoss(), temperature: 1, longest: 8, hasOld: false, figures: []),
        ]
        return others.map { $0.balanceNote(model.description) }
    }

    @Test func aLossThatIsAskedForAndLeftOutIsNamed() throws {
        for note in try notes(of: "mixtral_balanced") {
            #expect(note?.contains("router_aux_loss_coef 0.5") == true)
        }
    }

    /// This config.json does not have output_router_logits.
    @Test func aModelThatDoesNotAskIsNotSpokenOf() throws {
        #expect(try notes(of: "mixtral").allSatisfy { $0 == nil })
    }
}
