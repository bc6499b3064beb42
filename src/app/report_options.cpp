#include "app/report_options.hpp"

#include <string>

#include "app/validators.hpp"

namespace colonnade::app {

void add_report_options(CLI::App& command, ReportOptions& report) {
  command.add_option("LOG", report.logs, "what 'train --log' wrote, one of each run")
      ->type_name("")
      ->default_str("");
  command.add_option("-o,--output", report.output, "the page, one HTML file")
      ->type_name("FILE")
      ->check(not_empty("the path of a file"));
}

void add_predict_options(CLI::App& command, PredictOptions& predict) {
  command.add_option("--load", predict.load, "a checkpoint, or what 'train --save' wrote")
      ->type_name("FILE");
  command.add_option("--data", predict.data, "folder in MNIST's layout (IDX files), to test")
      ->type_name("DIR");
  command
      .add_option("--picture", predict.picture,
                  "write the samples it got wrong to an SVG file, the surest first")
      ->type_name("FILE")
      ->check(not_empty("the path of a file"));
  command.add_option("--batch", predict.batch, "samples that go through the model at a time")
      ->transform(whole_number(1, std::int64_t{1} << 31));
  command
      .add_option("--mesh", predict.mesh,
                  "dp=2,tp=4: copies of the model, and ranks that share one (default: all tp)")
      ->type_name("SHAPE");
  const auto add_name = [&](const std::string& name, std::string& value, const std::string& help,
                            const std::vector<std::string>& names) {
    command.add_option(name, value, help + " (default: the file's, or " + names.front() + ")")
        ->type_name("NAME")
        ->check(one_of(names))
        ->default_str("");
  };
  add_name("--activation", predict.activation, "between the layers",
           {"gelu-tanh", "gelu-erf", "relu", "identity"});
  add_name("--activate-last", predict.activate_last,
           "true or false: whether the last layer has one too", {"false", "true"});
  add_name("--loss", predict.loss, "what the model was trained by",
           {"mean-square", "cross-entropy"});
  add_name("--layout", predict.layout, "how layers are cut among ranks", {"gather", "pair"});
}

}  // namespace colonnade::app
