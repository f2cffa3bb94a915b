"""What a request about QoS policies can do wrong, in Neutron's words."""

from futago.controller.resources.errors import ApiError, InUse, NotFound


class QosPolicyNotFound(NotFound):
    sentence = "QoS policy {policy_id} could not be found."


class QosRuleNotFound(NotFound):
    sentence = "QoS rule {rule_id} for policy {policy_id} could not be found."


class QoSPolicyDefaultAlreadyExists(InUse):
    sentence = "A default QoS policy exists for project {project_id}."


class QosPolicyInUse(InUse):
    sentence = "QoS Policy {policy_id} is used by {object_type} {object_id}."


class QoSRulesConflict(InUse):
    sentence = "Rule {new_rule_type} conflicts with rule {rule_id} which already exists in QoS Policy {policy_id}."


class QoSRuleParameterConflict(InUse):
    sentence = (
        "Unable to add the rule with value {rule_value} to the policy {policy_id} "
        "as the existing rule of type {existing_rule} has value {existing_value}."
    )


class PolicyRemoveAuthorizationError(ApiError):
    """Whoever gave the port or network its policy knows one that the caller does not."""

    status = 403
    sentence = "Failed to remove provided policy {policy_id} because you are not authorized."
