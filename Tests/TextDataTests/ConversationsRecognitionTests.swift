import Testing
import TextData

/// Templates told by a model's own chat template, in the ways that models write theirs.
@Suite struct ConversationsRecognitionTests {
    @Test(arguments: [
        (
            "chatml",
            "{% for m in messages %}{{'<|im_start|>' + m['role'] + '\\n' + m['content'] + "
                + "'<|im_end|>' + '\\n'}}{% endfor %}"
        ),
        ("llama3", "'<|start_header_id|>' + role + '<|end_header_id|>\\n\\n' + x + '<|eot_id|>'"),
        ("llama2", "{{ bos_token + '[INST] ' + '<<SYS>>\\n' + s + content + ' [/INST]' }}"),
        ("mistral", "{{- \"[INST] \" + message[\"content\"] + \"[/INST]\" }}"),
        ("ministral", "{{- \"[INST]\" + message[\"content\"] + \"[/INST]\" }}"),
        ("gemma", "{{ '<start_of_turn>' + role + '\\n' + content + '<end_of_turn>\\n' }}"),
        ("phi", "{{'<|user|>' + '\\n' + c + '<|end|>' + '\\n' + '<|assistant|>' + '\\n'}}"),
        ("phi4", "{{'<|im_start|>user<|im_sep|>' + c + '<|im_end|>'}}"),
        ("zephyr", "{{ '<|user|>\\n' + c + eos_token }}{{ '<|assistant|>' }}"),
        ("glm4", "[gMASK]<sop>{% for item in messages %}<|{{ item['role'] }}|>\\n{% endfor %}"),
        ("chatglm3", "{% if loop.first %}[gMASK]sop<|{{ role }}|>\\n {{ c }}{% endif %}"),
        ("deepseek3", "{{ bos_token }}{{ '<｜User｜>' + c }}{{ '<｜Assistant｜>' + c + eos_token }}"),
        ("deepseekr1", "{{ '<｜User｜>' + c + '<｜Assistant｜>' }}{{ content.split('</think>')[-1] }}"),
        ("deepseek", "{{ 'User: ' + c + '\\n\\n' }}{{ 'Assistant: ' + c + eos_token }}"),
        ("baichuan2", "{{ '<reserved_106>' + c }}{{ '<reserved_107>' + c }}"),
        ("alpaca", "{{ '### Instruction:\\n' + c + '\\n\\n### Response:\\n' }}"),
        ("vicuna", "{{ 'USER: ' + c + ' ASSISTANT:' }}"),
        (
            "qwen3",
            "<|im_start|>user <tool_call> enable_thinking '<think>\\n\\n</think>' <|im_end|>"
        ),
        ("qwen3_nothink", "{{- '<|im_start|>' + role }} <tool_call> {{- '<|im_end|>\\n' }}"),
    ])
    func familyIsToldByWhatItWrites(_ name: String, _ jinja: String) throws {
        #expect(try ChatTemplate.recognised(from: jinja).name == name)
    }

    @Test func systemPromptOfTheModelIsTakenOver() throws {
        let smollm =
            "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
            + "{{ '<|im_start|>system\\nYou are a helpful AI assistant named SmolLM, trained by "
            + "Hugging Face<|im_end|>\\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\\n' "
            + "+ message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}"
        let template = try ChatTemplate.recognised(from: smollm)
        #expect(template.name == "smollm2")
        #expect(
            template.defaultSystem
                == "You are a helpful AI assistant named SmolLM, trained by Hugging Face")
        let qwen =
            "{%- if tools %}{{- '<|im_start|>system\\n' }}{%- if messages[0]['role'] == 'system' %}"
            + "{{- messages[0]['content'] }}{%- else %}{{- 'You are Qwen, created by Alibaba Cloud."
            + " You are a helpful assistant.' }}{%- endif %} <tool_call> {{- '<|im_end|>\\n' }}"
            + "{%- else %}{{- '<|im_start|>system\\nYou are Qwen, created by Alibaba Cloud. You "
            + "are a helpful assistant.<|im_end|>\\n' }}{%- endif %}"
        #expect(try ChatTemplate.recognised(from: qwen) == ChatTemplate.named("qwen"))
        let plain = "{{ '<|im_start|>' + role + '\\n' + content + '<|im_end|>\\n' }}"
        #expect(try ChatTemplate.recognised(from: plain).defaultSystem.isEmpty)
    }

    @Test(arguments: [
        "{{ 'GPT4 Correct User: ' + c + '<|end_of_turn|>' }}",
        "{{ '<|START_OF_TURN_TOKEN|><|USER_TOKEN|>' + c }}",
        "{{'### Instruction:\\n' + c}}{{'### Response:\\n' + c + '\\n<|EOT|>\\n'}}",
        "{{ '[INST] ' + c + ' [/INST]' }}", "{{ 'Human: ' + c + '\\n\\nAssistant: ' + eos_token }}",
        "<|im_start|> <tool_call> <function=name> <|im_end|>",
    ])
    func familyThatIsNotKnownIsRefused(_ jinja: String) {
        #expect(throws: ConversationError.self) { try ChatTemplate.recognised(from: jinja) }
    }

    @Test func absentTemplateIsRefusedWithAHint() {
        #expect(
            throws: ConversationError.noTemplate(
                reason: "the model has no chat template of its own")
        ) { try ChatTemplate.recognised(from: nil) }
    }
}
