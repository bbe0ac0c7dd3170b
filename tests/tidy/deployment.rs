//! The template can be deployed: it stays within the limits of CloudFormation, and a failed first deployment can be
//! repeated. <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>

use crate::none;
use crate::project::PROJECT;

/// CloudFormation takes 500 resources. SAM makes three to four of each function.
const RESOURCES: usize = 490;

/// CloudFormation takes 60 references such as `{{resolve:…}}`.
const DYNAMIC_REFERENCES: usize = 50;

/// In bytes. CloudFormation takes 1 MB.
const SIZE: usize = 800_000;

#[test]
#[ignore = "needs the transformed template, which .ci/run makes"]
fn the_transformed_template_stays_within_the_limits_of_cloudformation() {
    let text = PROJECT.text("target/ci/transformed-template.json");
    let transformed: serde_json::Value = serde_json::from_str(&text).unwrap();
    let resources = transformed["Resources"].as_object().unwrap();
    let functions = resources.values();
    let functions = functions.filter(|resource| resource["Type"] == "AWS::Lambda::Function");
    assert_eq!(functions.count(), PROJECT.functions.len());

    let figures = [
        ("resources", resources.len(), RESOURCES),
        (
            "dynamic references",
            text.matches("{{resolve:").count(),
            DYNAMIC_REFERENCES,
        ),
        ("bytes", text.len(), SIZE),
    ];
    let exceeded = figures.iter().filter(|(_, figure, most)| figure > most);
    none(
        exceeded.map(|(what, figure, most)| format!("{figure} {what}, at most {most}")),
        "share a resource between functions, or move functions to a nested stack",
    );
}

#[test]
fn no_secret_is_a_variable_of_a_function() {
    let text = PROJECT.text("template.yaml");
    assert!(
        !text.contains("{{resolve:"),
        "name the secret in SECRET_ID: the functions read it when they start"
    );
}

#[test]
fn what_outlives_the_stack_does_not_block_a_second_first_deployment() {
    let resources = PROJECT.deployment["Resources"].as_mapping().unwrap();
    let retained = resources
        .iter()
        .filter(|(_, resource)| resource["DeletionPolicy"] == "Retain");
    none(
        retained.map(|(name, _)| name.as_str().unwrap_or_default().to_owned()),
        "use RetainExceptOnCreate: a resource that a failed first deployment leaves behind has a name that the next needs",
    );
}

#[test]
fn a_new_account_has_enough_concurrency() {
    let text = PROJECT.text("template.yaml");
    assert!(
        !text.contains("ReservedConcurrentExecutions"),
        "the quota of a new account may be 10, of which none can be reserved: make the function safe to run twice at once"
    );
}
