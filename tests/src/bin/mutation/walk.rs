//! Goes through solc's syntax tree and collects every mutant, in the order of the source.

use std::collections::HashMap;
use std::ops::Range;

use serde_json::Value;

use super::mutant::{Mutant, Patch, one_line};
use super::operators::{Wrap, assignment, binary, neighbours, yul};

/// The longest expression that is shown around a change.
const SHOWN: usize = 160;

/// The members of each enum, by its name as types have it.
pub(crate) type Enums = HashMap<String, Vec<String>>;

/// One source on the way through its tree.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    contract: &'a str,
    file: &'a str,
    source: &'a str,
    enums: &'a Enums,
    function: String,
    found: Vec<Mutant>,
}

/// The mutants of a source, which count for `contract`.
pub(crate) fn mutants(
    (contract, file): (&str, &str),
    source: &str,
    tree: &Value,
    enums: &Enums,
) -> Vec<Mutant> {
    let function = String::new();
    let mut walk = Walk { contract, file, source, enums, function, found: Vec::new() };
    walk.visit(tree, &(0..0));
    let mut found = walk.found;
    found.sort_by(|a, b| a.patch.cmp(&b.patch));
    found.dedup_by(|a, b| a.patch == b.patch);
    found
}

/// Adds the enums of a source.
pub(crate) fn enums(tree: &Value, all: &mut Enums) {
    if kind(tree) == "EnumDefinition" {
        let names = list(&tree["members"]).iter().map(|member| text(&member["name"]).to_owned());
        all.insert(text(&tree["canonicalName"]).to_owned(), names.collect());
    }
    for child in children(tree) {
        enums(child, all);
    }
}

impl Walk<'_> {
    /// A node within the expression or statement `around`.
    fn visit(&mut self, node: &Value, around: &Range<usize>) {
        let place = range(node);
        match kind(node) {
            "ImportDirective"
            | "PragmaDirective"
            | "StructuredDocumentation"
            | "ErrorDefinition"
            | "EventDefinition"
            | "StructDefinition"
            | "EnumDefinition"
            | "ArrayTypeName"
            | "UsingForDirective"
            | "InheritanceSpecifier"
            | "OverrideSpecifier" => return,
            "ContractDefinition" if node["contractKind"] == "interface" => return,
            "ContractDefinition" => text(&node["name"]).clone_into(&mut self.function),
            "FunctionDefinition" | "ModifierDefinition" => return self.function(node),
            "IfStatement" => return self.conditional(node),
            "ForStatement" => return self.for_loop(node),
            _ => self.change(node, &place, around),
        }
        // A short expression is shown whole around what changes in it.
        let expression = place.len() <= SHOWN && !place.is_empty() && is_shown(kind(node));
        let around = if expression { &place } else { around };
        for child in children(node) {
            self.visit(child, around);
        }
    }

    fn function(&mut self, node: &Value) {
        let before = std::mem::take(&mut self.function);
        let name = text(&node["name"]);
        let name = if name.is_empty() { text(&node["kind"]) } else { name };
        name.clone_into(&mut self.function);
        for child in list(&node["modifiers"]) {
            if child["kind"] == "modifierInvocation" {
                self.replace(&range(child), "", &range(child));
            }
        }
        self.visit(&node["body"], &(0..0));
        self.function = before;
    }

    /// A lone statement behind an `if` is not deleted: a condition that is false does that.
    fn conditional(&mut self, node: &Value) {
        let condition = &node["condition"];
        let place = range(condition);
        self.visit(condition, &place);
        self.condition(condition);
        for branch in [&node["trueBody"], &node["falseBody"]] {
            let lone = node["falseBody"].is_null() && is_simple(kind(branch));
            if lone {
                for child in children(branch) {
                    self.visit(child, &range(branch));
                }
            } else {
                self.visit(branch, &(0..0));
            }
        }
    }

    /// A loop's step is not deleted: that only costs gas until it ends.
    fn for_loop(&mut self, node: &Value) {
        self.visit(&node["initializationExpression"], &(0..0));
        let condition = &node["condition"];
        if !condition.is_null() {
            let place = range(condition);
            self.visit(condition, &place);
            self.replace(&place, "false", &place);
        }
        let step = &node["loopExpression"];
        for child in children(step) {
            self.visit(child, &range(step));
        }
        self.visit(&node["body"], &(0..0));
    }

    fn condition(&mut self, node: &Value) {
        let place = range(node);
        self.replace(&place, "true", &place);
        self.replace(&place, "false", &place);
        if matches!(kind(node), "Identifier" | "FunctionCall" | "MemberAccess" | "IndexAccess") {
            let negated = format!("!{}", self.slice(&place));
            self.replace(&place, &negated, &place);
        }
    }

    /// The mutants that a node is the cause of.
    fn change(&mut self, node: &Value, place: &Range<usize>, around: &Range<usize>) {
        match kind(node) {
            "BinaryOperation" => self.binary(node),
            "Assignment" => {
                let (left, right) = (&node["leftHandSide"], &node["rightHandSide"]);
                let operator = text(&node["operator"]);
                self.between(left, right, (operator, assignment(operator)), place);
            }
            "UnaryOperation" => self.unary(node, around),
            "Conditional" => self.condition(&node["condition"]),
            "Literal" => self.literal(node, around),
            "MemberAccess" => self.member(node, around),
            "FunctionCall" => self.arguments(node),
            "ExpressionStatement" | "RevertStatement" | "EmitStatement" | "Return" => {
                self.delete(place);
            }
            "Continue" => self.replace(place, "break", place),
            "Break" => self.replace(place, "continue", place),
            "VariableDeclarationStatement" => self.initial(node),
            _ => self.assembly(node, place, around),
        }
    }

    fn assembly(&mut self, node: &Value, place: &Range<usize>, around: &Range<usize>) {
        match kind(node) {
            "YulFunctionCall" => self.yul_call(node, place),
            "YulLiteral" if node["kind"] == "number" => {
                for near in neighbours(self.slice(place), true) {
                    self.replace(place, &near, around);
                }
            }
            "YulIf" => {
                let condition = range(&node["condition"]);
                self.replace(&condition, "1", &condition);
                self.replace(&condition, "0", &condition);
            }
            "YulForLoop" => {
                let condition = range(&node["condition"]);
                self.replace(&condition, "0", &condition);
            }
            "YulExpressionStatement"
            | "YulAssignment"
            | "YulBreak"
            | "YulContinue"
            | "YulLeave" => self.replace(place, "{}", place),
            "YulVariableDeclaration"
                if !node["value"].is_null() && list(&node["variables"]).len() == 1 =>
            {
                self.replace(&range(&node["value"]), "0", place);
            }
            _ => {}
        }
    }

    fn binary(&mut self, node: &Value) {
        let (left, right) = (&node["leftExpression"], &node["rightExpression"]);
        let operator = text(&node["operator"]);
        let place = range(node);
        self.between(left, right, (operator, binary(operator)), &place);
        if matches!(operator, "&&" | "||") {
            for kept in [left, right] {
                let kept = self.slice(&range(kept)).to_owned();
                self.replace(&place, &kept, &place);
            }
        }
    }

    /// Other operators between two operands.
    fn between(
        &mut self,
        left: &Value,
        right: &Value,
        (operator, others): (&str, &[&str]),
        around: &Range<usize>,
    ) {
        let gap = range(left).end..range(right).start;
        let Some(offset) = self.slice(&gap).rfind(operator) else { return };
        let place = gap.start + offset..gap.start + offset + operator.len();
        for other in others {
            self.replace(&place, other, around);
        }
    }

    fn unary(&mut self, node: &Value, around: &Range<usize>) {
        let place = range(node);
        let operand = self.slice(&range(&node["subExpression"])).to_owned();
        match text(&node["operator"]) {
            "!" | "~" | "-" => self.replace(&place, &operand, around),
            "++" => self.replace(&place, &self.slice(&place).replace("++", "--"), around),
            "--" => self.replace(&place, &self.slice(&place).replace("--", "++"), around),
            _ => {}
        }
    }

    fn literal(&mut self, node: &Value, around: &Range<usize>) {
        let place = range(node);
        match (text(&node["kind"]), text(&node["value"])) {
            ("bool", "true") => self.replace(&place, "false", around),
            ("bool", _) => self.replace(&place, "true", around),
            ("number", _) => {
                for near in neighbours(self.slice(&place), false) {
                    self.replace(&place, &near, around);
                }
            }
            _ => {}
        }
    }

    fn member(&mut self, node: &Value, around: &Range<usize>) {
        let place = range(node);
        match self.slice(&place) {
            "msg.sender" => return self.replace(&place, "tx.origin", around),
            "block.timestamp" | "block.number" => {
                let later = format!("({} + 1)", self.slice(&place));
                return self.replace(&place, &later, around);
            }
            _ => {}
        }
        let of_enum = |node: &Value| {
            let name = text(&node["typeDescriptions"]["typeString"]);
            Some(name.strip_prefix("type(enum ")?.strip_suffix(')')?.to_owned())
        };
        let Some(name) = of_enum(&node["expression"]) else { return };
        let member = text(&node["memberName"]);
        let enums = self.enums;
        let Some(members) = enums.get(&name) else { return };
        let Some(at) = members.iter().position(|known| known == member) else { return };
        if let Some(next) = members.get((at + 1) % members.len()) {
            let other = format!("{}.{next}", self.slice(&range(&node["expression"])));
            self.replace(&place, &other, around);
        }
    }

    /// Neighbouring arguments of one type change places.
    fn arguments(&mut self, node: &Value) {
        if node["kind"] == "typeConversion" || !list(&node["names"]).is_empty() {
            return;
        }
        for pair in list(&node["arguments"]).windows(2) {
            let [first, second] = pair else { continue };
            let same = first["typeDescriptions"]["typeIdentifier"]
                == second["typeDescriptions"]["typeIdentifier"];
            let (a, b) = (range(first), range(second));
            if same && self.slice(&a) != self.slice(&b) {
                let gap = self.slice(&(a.end..b.start));
                let swapped = [self.slice(&b), gap, self.slice(&a)].concat();
                let place = range(node);
                let around = if place.len() <= SHOWN { place } else { a.start..b.end };
                self.replace(&(a.start..b.end), &swapped, &around);
            }
        }
    }

    /// A variable without its first value.
    fn initial(&mut self, node: &Value) {
        let (declared, value) = (list(&node["declarations"]), &node["initialValue"]);
        if let ([one], false) = (declared, value.is_null()) {
            self.replace(&(range(one).end..range(value).end), "", &range(node));
        }
    }

    fn yul_call(&mut self, node: &Value, place: &Range<usize>) {
        let function = &node["functionName"];
        let name = range(function);
        let arguments = self.slice(&(name.end..place.end)).to_owned();
        for (other, wrap) in yul(text(&function["name"])) {
            match wrap {
                Wrap::Bare => self.replace(&name, other, place),
                Wrap::Negated => {
                    self.replace(place, &format!("iszero({other}{arguments})"), place);
                }
            }
        }
        if let ("iszero" | "not", [operand]) = (text(&function["name"]), list(&node["arguments"])) {
            let operand = self.slice(&range(operand)).to_owned();
            self.replace(place, &operand, place);
        }
    }

    /// A statement with its semicolon.
    fn delete(&mut self, place: &Range<usize>) {
        let rest = self.source.get(place.end..).unwrap_or_default();
        let Some(semicolon) = rest.find(';') else { return };
        let whole = place.start..place.end + semicolon + 1;
        self.replace(&whole, "{}", &whole);
    }

    /// One mutant, shown within `around`.
    fn replace(&mut self, place: &Range<usize>, with: &str, around: &Range<usize>) {
        let inside = around.start <= place.start && place.end <= around.end;
        let around = if inside { around } else { place };
        let patch = Patch { start: place.start, end: place.end, text: with.to_owned() };
        let head = self.slice(&(around.start..place.start));
        let tail = self.slice(&(place.end..around.end));
        let before = self.source.get(..place.start).unwrap_or_default();
        let mutant = Mutant {
            contract: self.contract.to_owned(),
            file: self.file.to_owned(),
            function: self.function.clone(),
            line: before.matches('\n').count() + 1,
            original: one_line(self.slice(around)),
            replacement: one_line(&[head, with, tail].concat()),
            occurrence: 1,
            patch,
        };
        self.found.push(mutant);
    }

    fn slice(&self, place: &Range<usize>) -> &str {
        self.source.get(place.clone()).unwrap_or_default()
    }
}

/// Whether a change in it is shown with it.
fn is_shown(kind: &str) -> bool {
    !matches!(kind, "Block" | "UncheckedBlock" | "YulBlock" | "InlineAssembly" | "SourceUnit")
        && !matches!(kind, "Identifier" | "Literal" | "YulLiteral" | "YulIdentifier")
}

fn is_simple(kind: &str) -> bool {
    matches!(kind, "ExpressionStatement" | "RevertStatement" | "EmitStatement" | "Return")
}

fn kind(node: &Value) -> &str {
    text(&node["nodeType"])
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Everything below a node, however it is called there.
fn children(node: &Value) -> Vec<&Value> {
    match node {
        Value::Array(nodes) => nodes.iter().collect(),
        Value::Object(fields) => {
            let skipped = |name: &str| matches!(name, "typeDescriptions" | "functionName");
            let fields = fields.iter().filter(|(name, _)| !skipped(name));
            fields.map(|(_, value)| value).filter(|v| v.is_array() || v.is_object()).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

/// `src` is `offset:length:file`.
fn range(node: &Value) -> Range<usize> {
    let mut numbers = text(&node["src"]).split(':').map_while(|number| number.parse().ok());
    let start: usize = numbers.next().unwrap_or_default();
    start..start + numbers.next().unwrap_or_default()
}
