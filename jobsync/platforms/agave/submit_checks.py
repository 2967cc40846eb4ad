"""Every text with which the platform refuses a submit before the job exists, as data.

The service takes a request apart in a fixed order and stores the job after the last check
(agave-v2 §3.1). The texts are those of the classes named beside them, in the public source of the
platform (``agave-jobs``, versions 2.1.8 to 2.2.27; what a later version words anew stands here in
both wordings). How it is known that they come before the row: ``JobRequestProcessor.processJob``
calls these classes one after the other and ``JobDao.persist`` last, in all of these versions, and
what runs after it (notifications, their events) throws none of these texts.

In a text ``{}`` is anything, ``{id}`` the id of an input or parameter, ``{default}`` the word
``default`` or nothing. ``field`` is the path in the manifest that the text is about.

Left out on purpose, so that they stay open questions: every 5xx, which is what the service says
when it does not know itself what happened; ``Job processing failed with exception type ...`` and
the texts in :data:`NOT_PROOF`, which can follow the row; texts about ``callbackUrl``, which the
steps before and after the row share; a 401, which whatever stands before the service may say, too;
texts that an exception of a library brings along; and all of Aloe's own, whose source was never
published.
"""

from __future__ import annotations

from jobsync.structs import Struct


class Check(Struct, frozen=True):
    """A refusal: the class that makes it, its HTTP statuses, its words, the field it is about."""

    source: str
    statuses: tuple[int, ...]
    text: str
    field: str = ""


def _checks(source: str, field: str, status: int | tuple[int, ...], *texts: str) -> list[Check]:
    statuses = status if isinstance(status, tuple) else (status,)
    return [Check(source, statuses, text, field) for text in texts]


_SCHEMES = (
    "Please specify your input as a relative path, an Agave resource URL, or a URL with one of "
    "the following schemes: http, https, sftp, or agave."
)
_RESUBMIT = "for the execution system and resubmit the job."
_NOT_SUPPORTED = "does not support jobs with {} nodes"

_REQUEST = [
    # The body is read before the processor is made.
    *_checks("AgaveResource", "", 400,
        "No content found. Please POST your content as a {}",
        "No content found in file. Please POST your content as a {}",
        "Unsupported content type. Please POST your {}",
        "Invalid JSON found. {}"),
    *_checks("JobRequestProcessor", "dependencies", 400, "Job dependencies are not yet supported."),
    *_checks("JobRequestProcessor", "name", 400,
        "Job name cannot be empty.",
        "Job name must be less than 64 characters."),
]  # fmt: skip

_APP = [
    *_checks("JobRequestProcessor", "appId", 400,
        "appId cannot be empty",
        "appId must be less than 80 characters",
        "Invalid appId. Please specify an app using its unique id. {}",
        "No app found matching {} for {}"),
    *_checks("JobRequestProcessor", "appId", 403,
        "Permission denied. You do not have permission to access this app",
        "Permission denied. You do not have permission to use the requeste app, {}"),
    *_checks("JobRequestProcessor", "executionSystem", 400,
        "executionSystem must be less than 80 characters"),
    *_checks("JobRequestProcessor", "executionSystem", 403,
        "Invalid execution system. Apps are registered to run on a specific execution system. {}"),
]  # fmt: skip

_QUEUE = [
    # ``Invalid X value.`` is what the processor makes of any exception while it looks for a queue.
    *_checks("JobRequestProcessor", "batchQueue", 400, "Invalid batchQueue value."),
    *_checks("JobRequestProcessor", "nodeCount", 400,
        "Invalid nodeCount value.",
        "Invalid {default}nodeCount. If specified, nodeCount must be a positive integer value.",
        "Invalid {default}nodeCount. No queue found on {} that support jobs with {} nodes.",
        f"Invalid {{default}}nodeCount. The {{}} queue on {{}} {_NOT_SUPPORTED}."),
    *_checks("JobRequestProcessor", "memoryPerNode", 400,
        "Invalid memoryPerNode value.",
        "Invalid {default}memoryPerNode. memoryPerNode should be a postive value specified in "
        "###.#[EPTGM]B format.",
        f"Invalid {{default}}memoryPerNode. The {{}} queue on {{}} {_NOT_SUPPORTED} and {{}}GB "
        "memory per node"),
    *_checks("JobRequestProcessor", "maxRunTime", 400,
        "Invalid requestedTime value.",
        "Invalid maxRunTime. maxRunTime should be the maximum run time time for this job in "
        "hh:mm:ss format.",
        "Invalid maxRunTime. maxRunTime should be greater than 00:00:00.",
        f"Invalid {{default}}maxRunTime. The {{}} queue on {{}} {_NOT_SUPPORTED}, {{}}GB memory "
        "per node, and a run time of {}"),
    *_checks("ResourceRequest", "maxRunTime", 400,
        "Invalid maxRunTime. maxRunTime should be the maximum run time for this job in hh:mm:ss "
        "format."),
    *_checks("ResourceRequest", "processorsPerNode", 400,
        "Invalid processorsPerNode value.",
        "Invalid {default}processorsPerNode value. processorsPerNode must be a positive integer "
        "value.",
        f"Invalid {{default}}processorsPerNode. The {{}} queue on {{}} {_NOT_SUPPORTED}, {{}}GB "
        "memory per node, a run time of {} and {} processors per node"),
    *_checks("JobRequestQueueProcessor", "batchQueue", 400,
        "Invalid batchQueue. No batchQueue named {} is defined on system {}",
        "Invalid batchQueue. No batch queue named {} is defined on system {}",
        "Invalid default batchQueue. The default batchQueue, {}, specified by {}, is not defined "
        "on system {}",
        'No queue matching the default queue, "{}," specified by the requested app {}, is not '
        "defined on the execution system {}",
        "No queue found on execution system {} to support jobs requiring {} nodes with {} memmory "
        "and {} processors per node, and a max run time of {}."),
]  # fmt: skip

_SYSTEM = _checks("JobRequestProcessor", "appId", 412,
    "There are no credentials configured for the system: {}. Please update (POST) the system to "
    "configure credentials using the URL systems/v2/{}/credentials.",
    "Credentials of the {} for the system {} have expired. Please update the system with a valid "
    f"{{}} of execution credentials {_RESUBMIT}",
    "Unable to authenticate to {} with the {}credential. Please check the {} execution credential "
    f"{_RESUBMIT}",
    f"Credential for {{}} is not active. Please add a valid {{}} storage credential {_RESUBMIT}",
    "Default  credential for {} is not active. Please add a valid {} execution credential "
    f"{_RESUBMIT}",
    "Internal user {} credential for {} is not active. Please add a valid {} execution credential "
    f"{_RESUBMIT}",
)  # fmt: skip

_INPUTS = [
    *_checks("JobRequestInputProcessor", "inputs.{id}", 400,
        "No input specified for {id}",
        "{id} requires at least {} values",
        "{id} may have at most {} values",
        "Invalid value for {id}. {id} is a fixed value that cannot be set manually.",
        "Unsupported input type for input {id}",
        "Unsupported type for input {id}",
        "Invalid input value, {}, for {id}. Value must match the following expression: {}",
        "Invalid input value, {}, for {id}. Value must be a string value representing a file or "
        "folder for which you have access.",
        "Invalid value for {id}. URI with the {} scheme are not currently supported. "
        f"{_SCHEMES}",
        "Failed to parse input for {id}"),
    *_checks("JobRequestInputProcessor", "inputs.{id}", 403, f"Invalid value for {{id}}{_SCHEMES}"),
    *_checks("JobRequestInputProcessor", "inputs", 403,
        "You do not have permission to access this the input file or directory at {}"),
    # Asked whether the user may read an input; up to 2.2.26 the answer was 400.
    *_checks("PermissionManager.canUserReadUri", "inputs", (403, 400),
        "No system was specified in the URL for the file or directory at {} and no default system "
        "is defined.",
        "No system was found matchin the hostname in the URL for the file or directory at {}",
        "No system was found matching the hostname in the URL for the file or directory at {}",
        "No storage system was found matchin the one associated with the job output in {}",
        "No storage system was found matching the one associated with the job output in {}",
        "The server experienced an error attempting to identify the file or directory at {}",
        "Unable to verify that the user has permission to access the file or directory at {}",
        "File item agave://{} is outside of the system root directory {}"),
    *_checks("RemoteDataClientFactory", "inputs", (403, 400),
        "Invalid credentials provided for URI, {}. SFTP URL  must have valid username and password "
        "provided in the user info section of the URI {}"),
]  # fmt: skip

_PARAMETERS = _checks("JobRequestParameterProcessor", "parameters.{id}", 400,
    "No input parameter specified for {id}",
    "Invalid parameter value for {id}. {id} is a fixed value that cannot be set manually.",
    "Invalid parameter value for {id}. Boolean and flag parameters do not support multiple "
    "values.",
    "Invalid parameter value for {id}. Value {} must be a case-insensitive truthy value. 1, on, "
    "or true evaluate to true. 0, off, and false evaluate to false.",
    "Invalid parameter value for {id}. Value must be a boolean value. Use 1,0 or true/false as "
    "available values.",
    "Invalid parameter value for {id}. Value '{}' must be a number.",
    "Invalid parameter value for {id}. Value must be a number.",
    "Invalid parameter value for {id}. Value '{}' must match the regular expression {}",
    "Invalid parameter value for {id}. Value must match the regular expression {}",
    "Invalid parameter value for {id}. Value must be one of: {}",
    "Invalid parameter value, {}, for {id}. Value must be one of: {}",
    "No enumeration value defined for {id}. Input parameter value may only be empty.",
    "Unable to validate parameter value for {id} against the enumerated values defined for this "
    "parameter.",
)  # fmt: skip

_ARCHIVE = [
    *_checks("JobRequestProcessor", "archiveSystem", 400,
        "No storage system found matching {} for {}",
        "Invalid archiveSystem. No archiveSystem was provided and you have no public or private "
        "default storage system configured. Please specify a valid system id for archiveSystem or "
        "configure a default storage system."),
    *_checks("JobRequestProcessor", "archivePath", 403,
        "User does not have permission to access the provided archive path {}"),
    *_checks("JobRequestProcessor", "archivePath", 400,
        "Unable to create job archive directory {}",
        "Archive path is not a folder"),
    # Of an input (403) and of the archive (400); the words are about the system.
    *_checks("RemoteDataClientFactory", "", (403, 400),
        "No credentials associated with {}. Please set a default credential{} in order to access "
        "data on this system."),
]  # fmt: skip

CHECKS: tuple[Check, ...] = (
    *_REQUEST, *_APP, *_QUEUE, *_SYSTEM, *_INPUTS, *_PARAMETERS, *_ARCHIVE,
)  # fmt: skip
"""In the order in which the service makes them."""

NOT_PROOF: tuple[str, ...] = (
    "Job processing failed with exception type ",
    "Job processing failed: ",
    "General notification processing failed with input [",
    "Callback notification processing failed with input [",
    "Add notification to job failure: ",
    "Failure to process job event ",
    "Invalid notification ",
    "Invalid notifications[",
    "Unable to process notification",
    "Unable to create notification",
    "Unable to parse notification address provided in callbackUrl",
    "Unexpected error while validating notification.",
    "Unknown property ",
    "Failed to assign notification to job",
    "Failed to submit job: ",
    "Failed to submit the request to the job queue.",
    "Failed to submit the reqeuest to the job queue.",
)
"""How texts begin that may come when the job is already stored. No check may be worded so that
one of them could be taken for it; a test holds that."""
