import Files
import Jinja
import Testing

@Suite struct JinjaTemplateTests {
}
