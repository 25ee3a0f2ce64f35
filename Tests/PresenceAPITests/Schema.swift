import Support

/// As much of JSON Schema as `openapi.json` uses. Stricter in one point: a member the schema does not
/// describe is a fault, so that the document cannot fall behind the code.
struct Schema {
    let document: JSON

    /// What is wrong with the value; empty when it fits.
    func faults(in value: JSON, schema: JSON, at path: String = "$") -> [String] {
        let schema = resolve(schema)
        var faults: [String] = []
        if !fits(value, types: schema["type"]) { faults.append("\(path) is no \(schema["type"])") }
        if case .list(let allowed) = schema["enum"], !allowed.contains(value) { faults.append("\(path): not in enum") }
        if schema["const"] != nil, schema["const"] != value { faults.append("\(path) is not \(schema["const"])") }
        for name in schema["required"].strings where value.members[name] == nil {
            faults.append("\(path) lacks \(name)")
        }
        for (name, member) in value.members {
            let described = schema["properties"].members[name] ?? schema["additionalProperties"]
            if described == nil {
                faults.append("\(path).\(name) is not described")
            } else {
                faults += self.faults(in: member, schema: described, at: "\(path).\(name)")
            }
        }
        for (index, element) in value.list.enumerated() {
            faults += self.faults(in: element, schema: schema["items"], at: "\(path)[\(index)]")
        }
        return faults
    }

    /// The schema of an operation's response.
    func response(_ method: String, _ path: String, _ status: Int) -> JSON {
        let response = resolve(document["paths"][path][method]["responses"]["\(status)"])
        let contents = response["content"].members
        return (contents["application/json"] ?? contents.values.first)?["schema"] ?? nil
    }

    /// Follows `#/a/b/c`.
    func resolve(_ value: JSON) -> JSON {
        guard let reference = value["$ref"].string else { return value }
        return resolve(reference.split(separator: "/").dropFirst().reduce(document) { $0[String($1)] })
    }

    private func fits(_ value: JSON, types: JSON) -> Bool {
        let names = types.string.map { [$0] } ?? types.strings
        return names.isEmpty
            || names.contains { name in
                switch value {
                case .null: name == "null"
                case .bool: name == "boolean"
                case .number: name == "number" || (name == "integer" && value.int != nil)
                case .text: name == "string"
                case .list: name == "array"
                case .object: name == "object"
                }
            }
    }
}
