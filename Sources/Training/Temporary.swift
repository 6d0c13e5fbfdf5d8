import Autograd
import Finetuning
import Models
enum AdapterCatalog { static func method(of folder: AdapterFolder, plus: LoRAPlus? = nil, attachingTo model: any LanguageModel) throws(FinetuningError) -> any FinetuningMethod {
  guard case .lora(var c) = folder.kind else { throw .unsupported(what: "x", advice: "y") }
  c.plus = plus
  return try LoRA(c, attachingTo: model) } }
